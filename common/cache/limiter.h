/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limiter.h -- who may go on, and who has had enough in the last minute: counted in Redis, for all processes.
 *
 * A request asks for one of each of several keys ("user:…", "address:…"), each with a limit.  It is let
 * through, and counted, if all of them have room; else nothing is counted.  Redis keeps the times of what
 * was let through, at most `limit` of each key and for two minutes, by its own clock: in no window of
 * LIMITER_WINDOW_S is there ever more than the limit.  One script decides on a request, one round trip on a
 * batch of them.
 *
 * What was let through is also kept in this process (tally.h).  While Redis is away, refuses, or takes longer
 * than LIMITER_WAIT_MS, that alone decides, and for a minute after it has to agree, so that a Redis that has
 * forgotten lets nobody through twice; each process counts for itself then.  One call finds out that Redis is
 * away, and one now and then whether it is back: the others do not wait.  Both are logged once.
 *
 * A key that Redis has refused is refused from memory until its time has come.
 *
 * Threads: any; a cache and its script belong to one.  Blocks for LIMITER_WAIT_MS at most.
 */
#ifndef SOKOUL_COMMON_CACHE_LIMITER_H
#define SOKOUL_COMMON_CACHE_LIMITER_H

#include "common/cache/cache.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct limiter;

enum
{
    LIMITER_WINDOW_S = 60,
    LIMITER_WAIT_MS = 250,
    LIMITER_MAX_ASKS = 3,
    LIMITER_MAX_REQUESTS = CACHE_MAX_CALLS,
    LIMITER_KEY_SIZE = 96
};

struct limiter_ask
{
    char key[LIMITER_KEY_SIZE]; /* as in Redis */
    unsigned policy;            /* the caller's, who reads it again */
    uint32_t limit;
    uint32_t used;   /* with this request, if it is let through */
    int64_t wait_ms; /* until there is room for one more than now; 0: nothing is used */
};

struct limiter_request
{
    struct limiter_ask asks[LIMITER_MAX_ASKS];
    size_t count;
    bool is_allowed; /* the answer */
};

struct limiter *limiter_new(void); /* NULL when out of memory */
void limiter_free(struct limiter *limiter);

/* Redis as one thread asks it; `cache` is borrowed, NULL: there is none. */
struct limiter_redis
{
    struct cache *cache;
    struct cache_script script;
};
struct limiter_redis limiter_redis(struct cache *cache);

/* Decides on at most LIMITER_MAX_REQUESTS, in their order. */
void limiter_take(struct limiter *limiter, struct limiter_redis *redis, struct limiter_request *requests,
                  size_t count);
/* Whether one of the keys is known to be refused: from memory, and nothing is counted. */
bool limiter_refuses(struct limiter *limiter, struct limiter_request *request);

/* KEYS: the keys.  ARGV: their limits, the window in microseconds, and the time, "" for that of Redis.
 * Answers {1 or 0, used, microseconds to wait, used, …}. */
extern const char limiter_script[];

#endif
