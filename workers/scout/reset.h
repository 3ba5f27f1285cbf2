/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reset.h -- the notice `password_reset`: a link by which a forgotten password is set anew.
 *
 * Payload {"ask_id"}, of the API's question (common/store/passwords.h).  The token is made when the mail is,
 * and rests nowhere but as a digest: neither job nor log has it, unless PASSWORD_RESET_TO_LOG says so and
 * there is no mail server.  A second try makes a second token; either works.
 */
#ifndef SOKOUL_WORKERS_SCOUT_RESET_H
#define SOKOUL_WORKERS_SCOUT_RESET_H

#include "workers/scout/notify.h"

/* *address NULL: nobody has asked who could be told. E_INVALID: the payload. */
MUST_USE enum err_code reset_write(struct job *job, struct notice *notice, const char **address,
                                   struct err *err);

#endif
