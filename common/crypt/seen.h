/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seen.h -- access tokens whose signature and claims were found good a short while ago.
 *
 * Verifying a token takes longer than all else that a small request asks of the API, and a client sends the
 * same one with each of its requests for an hour.  A token is known by its SHA-256, so that nobody learns
 * from the time of a look-up how much of a guess is right.  What is remembered is only what never changes:
 * times are checked by the caller at each use.
 *
 * A table of a fixed size (about 170 KiB, touched only where used); a full bucket forgets what ends first.
 * Threads: any.  Never blocks for longer than a copy of one entry.
 */
#ifndef SOKOUL_COMMON_CRYPT_SEEN_H
#define SOKOUL_COMMON_CRYPT_SEEN_H

#include "common/crypt/digest.h"
#include "common/crypt/token.h"

struct seen;

struct seen_token
{
    struct token_claims claims;
    int64_t from_s; /* nbf */
};

struct seen *seen_new(void); /* NULL: out of memory */
void seen_free(struct seen *seen);
bool seen_find(struct seen *seen, const struct digest *token, struct seen_token *found);
/* Forgets all. */
void seen_clear(struct seen *seen);
void seen_keep(struct seen *seen, const struct digest *token, const struct seen_token *good);

#endif
