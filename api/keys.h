/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys.h -- API keys that the database was asked about a short while ago.
 *
 * A key is known by its SHA-256, so that nobody learns from the time of a look-up how much of a guess is
 * right.  What is known of one is a minute old at most; that it was deleted since, or that its owner may
 * less, is told by the revocations (revoked.h), which the caller asks at each use.
 *
 * A table of a fixed size (about 40 KiB, touched only where used); a full bucket forgets what ends first.
 * Threads: any.  Never blocks for longer than a copy of one entry.
 */
#ifndef SOKOUL_API_KEYS_H
#define SOKOUL_API_KEYS_H

#include "api/request.h"
#include "common/crypt/digest.h"

enum
{
    KEYS_KNOWN_MS = 60000
};

struct keys;

struct key_known
{
    struct user user;
    int64_t until_ms; /* monotonic */
};

struct keys *keys_new(void); /* NULL: out of memory */
void keys_free(struct keys *keys);
bool keys_find(struct keys *keys, const struct digest *key, int64_t now_ms, struct key_known *found);
void keys_keep(struct keys *keys, const struct digest *key, const struct key_known *known);

#endif
