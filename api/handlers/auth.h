/* SPDX-License-Identifier: Apache-2.0 */
/* auth.h -- getting in and out: /auth/login, refresh, logout. */
#ifndef SOKOUL_API_HANDLERS_AUTH_H
#define SOKOUL_API_HANDLERS_AUTH_H

#include "api/request.h"

enum err_code auth_login(struct request *req, struct err *err); /* LANE_PASSWORDS */
enum err_code auth_refresh(struct request *req, struct err *err);
enum err_code auth_logout(struct request *req, struct err *err);

#endif
