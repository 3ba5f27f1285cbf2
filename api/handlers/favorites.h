/* SPDX-License-Identifier: Apache-2.0 */
/* favorites.h -- /media/favorite, /media/favorites. */
#ifndef SOKOUL_API_HANDLERS_FAVORITES_H
#define SOKOUL_API_HANDLERS_FAVORITES_H

#include "api/request.h"

enum err_code favorites_add(struct request *req, struct err *err);
enum err_code favorites_list(struct request *req, struct err *err);
enum err_code favorites_remove(struct request *req, struct err *err);

#endif
