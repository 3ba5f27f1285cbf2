/* SPDX-License-Identifier: Apache-2.0 */
/*
 * totp.h -- one's second factor: /user/totp, and what a login asks of it.
 *
 * Begun by POST, confirmed by a code of the app, from then on asked for at each login.  Five wrong codes in
 * five minutes, and no more are looked at for a while; recovery codes, which nobody can guess, always are.
 */
#ifndef SOKOUL_API_HANDLERS_TOTP_H
#define SOKOUL_API_HANDLERS_TOTP_H

#include "api/request.h"

enum err_code totp_get(struct request *req, struct err *err);
enum err_code totp_begin(struct request *req, struct err *err);
enum err_code totp_confirm(struct request *req, struct err *err);
enum err_code totp_remove(struct request *req, struct err *err); /* LANE_PASSWORDS */

/* After the password was right, before a session is opened: takes a code or a recovery code.  E_OK also when
 * the user has no second factor.  E_CODE_NEEDED: there is no code (NULL), or a wrong one, which is in the
 * audit trail then; E_TOO_MANY. */
MUST_USE enum err_code totp_admit(struct request *req, const char *user_id, const char *code,
                                  struct err *err);

#endif
