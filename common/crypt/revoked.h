/* SPDX-License-Identifier: Apache-2.0 */
/*
 * revoked.h -- what this process knows of access tokens that have ended before their time.
 *
 * Filled by one thread that reads the table of them (api/revocations.h), asked with each request.  A subject
 * is a session or a user, and has the most that its tokens may still claim: a role, or nothing.  What is
 * known is kept until no token of the subject can be left.  Whether it is all that there is to know is
 * another question: asked by revoked_is_fresh.
 *
 * Threads: any.  Never blocks for longer than a look-up, or a copy of the table when it grows.
 */
#ifndef SOKOUL_COMMON_CRYPT_REVOKED_H
#define SOKOUL_COMMON_CRYPT_REVOKED_H

#include "common/base/err.h"
#include "common/base/id.h"
#include "common/crypt/token.h"

#include <stdbool.h>
#include <stdint.h>

enum
{
    REVOKED_FRESH_MS = 5000 /* as long as a database that is away may go unnoticed */
};

struct revoked;

struct revoked_subject
{
    struct id id;
    char role[TOKEN_ROLE_SIZE]; /* "": nothing */
    int64_t ends_s;             /* wall; forgotten from then on */
};

struct revoked *revoked_new(void); /* NULL: out of memory */
void revoked_free(struct revoked *revoked);
/* Adds it, or replaces the entry of the same subject.  E_NO_MEMORY. */
MUST_USE enum err_code revoked_keep(struct revoked *revoked, const struct revoked_subject *subject,
                                    int64_t now_s, struct err *err);
bool revoked_find(struct revoked *revoked, const struct id *id, struct revoked_subject *found);
/* All that was committed before this monotonic time is known. */
void revoked_looked(struct revoked *revoked, int64_t at_ms);
/* False: the latest look is older than REVOKED_FRESH_MS, or there was none. */
bool revoked_is_fresh(const struct revoked *revoked, int64_t now_ms);

#endif
