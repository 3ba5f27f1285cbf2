/* SPDX-License-Identifier: Apache-2.0 */
/*
 * throttle.h -- passwords cannot be tried without end: common/store/logins.h with this product's limits.
 *
 * Ask before a password is verified, note when it was wrong.  Tries that run at the same moment are not
 * counted for one another: at most as many as there are threads of LANE_PASSWORDS are too many.  Addresses of
 * RATE_LIMIT_ALLOW are neither limited nor counted.  Blocks on the database.
 */
#ifndef SOKOUL_API_HANDLERS_THROTTLE_H
#define SOKOUL_API_HANDLERS_THROTTLE_H

#include "api/request.h"
#include "common/store/users.h"

/* `account`: the name or address as it was typed, or the id of who is logged in.  E_TOO_MANY. */
MUST_USE enum err_code throttle_check(struct request *req, const char *account, struct err *err);
MUST_USE enum err_code throttle_note(struct request *req, const char *account, struct err *err);

/* Of who is logged in: E_OK when the password is theirs, and who they are.  E_FORBIDDEN: it is wrong, which
 * is noted; E_UNAUTHENTICATED: the account is gone.  Keeps no connection while it verifies; LANE_PASSWORDS.
 */
MUST_USE enum err_code throttle_ask_password(struct request *req, const char *password,
                                             struct user_login *login, struct err *err);

#endif
