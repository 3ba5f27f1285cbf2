/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup.h -- tells the operator of a new installation how to make the first account.
 *
 * While there is no account, the log gets a set-up code, once per process; POST /auth/register with
 * "setup_code" makes an administrator.  A thread asks the database until it has answered once, then it ends.
 */
#ifndef SOKOUL_API_SETUP_H
#define SOKOUL_API_SETUP_H

#include "common/db/db.h"

struct setup;

MUST_USE enum err_code setup_start(struct db_pool *pool, struct setup **out, struct err *err);
void setup_stop(struct setup *setup); /* NULL is fine; waits for the thread */

#endif
