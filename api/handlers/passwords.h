/* SPDX-License-Identifier: Apache-2.0 */
/*
 * passwords.h -- a forgotten password: /auth/password/forgot and reset.
 *
 * Forgot does the same whoever asks: it counts the question and commits a job that mails, if there is anybody
 * to mail to (workers/scout/reset.h).  So it waits for no mail server, loses nothing, and tells nothing.
 */
#ifndef SOKOUL_API_HANDLERS_PASSWORDS_H
#define SOKOUL_API_HANDLERS_PASSWORDS_H

#include "api/request.h"

enum err_code passwords_forgot(struct request *req, struct err *err);
enum err_code passwords_reset(struct request *req, struct err *err); /* LANE_PASSWORDS */

#endif
