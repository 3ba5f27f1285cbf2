/* SPDX-License-Identifier: Apache-2.0 */
/*
 * revocations.h -- the thread that learns which access tokens have ended before their time.
 *
 * It listens for news and looks anyway a few times a second, so that a token ends within a second in every
 * process, whichever ended it.  A new connection reads everything again.  While the database cannot be read
 * the look ages, and revoked_is_fresh says so after some seconds.
 */
#ifndef SOKOUL_API_REVOCATIONS_H
#define SOKOUL_API_REVOCATIONS_H

#include "common/base/err.h"
#include "common/crypt/revoked.h"

struct revocations;

/* Looks once before it returns, when the database is there; blocks for some seconds at most otherwise. */
MUST_USE enum err_code revocations_start(const char *database_url, struct revocations **out, struct err *err);
void revocations_stop(struct revocations *revocations); /* NULL is fine; waits for the thread */
struct revoked *revocations_known(struct revocations *revocations);

#endif
