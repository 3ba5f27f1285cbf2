/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tally.h -- what was let through in the last minute, by key, in memory that never grows.
 *
 * A key has a counter for each of the last 61 seconds.  Asked strictly, all of them count: a limit is never
 * exceeded in any 60 s, and what was taken leaves up to a second late.  Asked loosely, those count that lie
 * less than 58 s back for sure: never less is allowed than by somebody who counts exactly.
 *
 * The table has room for TALLY_KEYS keys of the last minute.  Those that find no room where they belong share
 * one counter there: asked strictly they are limited together, and never let through uncounted; loosely, not
 * at all.  Keys are known by a hash
 * with a secret of the process, so that nobody picks some that meet.
 *
 * It also remembers until when a key is refused for certain, so that a flood is answered from memory.
 *
 * Times are monotonic milliseconds of the caller, which must not go back by more than a few.
 * Threads: any; a lock is held for less than a microsecond.  Never blocks, allocates nothing after tally_new.
 */
#ifndef SOKOUL_COMMON_CACHE_TALLY_H
#define SOKOUL_COMMON_CACHE_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum
{
    TALLY_WINDOW_S = 60,
    TALLY_KEYS = 28672,
    TALLY_MAX_ASKS = 4
};

struct tally;

struct tally *tally_new(void); /* NULL when out of memory */
void tally_free(struct tally *tally);

enum tally_how
{
    TALLY_STRICTLY,
    TALLY_LOOSELY
};

/* What is asked of one key, and what is found. */
struct tally_ask
{
    const char *key;
    uint32_t limit;
    uint32_t used;   /* with this one, if it was taken */
    int64_t wait_ms; /* until one more than now may be taken; not set of what is taken loosely */
};

/* Takes one of each of at most TALLY_MAX_ASKS keys if each has room, else nothing and false. */
bool tally_take(struct tally *tally, struct tally_ask *asks, size_t count, enum tally_how how,
                int64_t now_ms);

/* The key is refused until then: somebody who counts exactly has said so. */
void tally_refuse(struct tally *tally, const char *key, int64_t until_ms, int64_t now_ms);
/* For how long still; 0: it is not known to be refused. */
int64_t tally_refused_ms(struct tally *tally, const char *key, int64_t now_ms);

#endif
