/* SPDX-License-Identifier: Apache-2.0 */
/* history.h -- /watch-history. */
#ifndef SOKOUL_API_HANDLERS_HISTORY_H
#define SOKOUL_API_HANDLERS_HISTORY_H

#include "api/request.h"

enum err_code history_add(struct request *req, struct err *err);
enum err_code history_list(struct request *req, struct err *err);

#endif
