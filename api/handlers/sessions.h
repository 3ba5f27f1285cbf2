/* SPDX-License-Identifier: Apache-2.0 */
/* sessions.h -- where one is logged in, and ending it there: /auth/sessions. */
#ifndef SOKOUL_API_HANDLERS_SESSIONS_H
#define SOKOUL_API_HANDLERS_SESSIONS_H

#include "api/request.h"

enum err_code sessions_list(struct request *req, struct err *err);
enum err_code sessions_end(struct request *req, struct err *err);

#endif
