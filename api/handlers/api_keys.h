/* SPDX-License-Identifier: Apache-2.0 */
/* api_keys.h -- one's keys for programs: /user/api-keys.  A key is shown once, when it is made. */
#ifndef SOKOUL_API_HANDLERS_API_KEYS_H
#define SOKOUL_API_HANDLERS_API_KEYS_H

#include "api/request.h"

enum err_code api_keys_add(struct request *req, struct err *err);
enum err_code api_keys_list(struct request *req, struct err *err);
enum err_code api_keys_remove(struct request *req, struct err *err);

#endif
