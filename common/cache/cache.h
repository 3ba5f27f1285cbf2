/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache.h -- the door to hiredis.  What is stored in Redis may vanish at any time.
 *
 * A cache connects lazily, by itself, and again after a loss; no call blocks longer than
 * CACHE_COMMAND_MS, connecting and name lookup included.  While Redis is away calls fail at
 * once, and one of them now and then (backoff from CACHE_BACKOFF_MIN_MS to _MAX_MS) tries again.  A loss
 * and a return are logged once each, with the reason; callers treat every failure as a miss,
 * ask the database or the provider, and never show it to a user.  A connection that was closed while it was
 * idle is made anew before the next command and is no failure.
 *
 * Codes: E_NOT_FOUND is a miss (also a value of another type, or larger than CACHE_MAX_BYTES),
 * E_CONFLICT: another value is there; E_UNAVAILABLE: everything else that fails.
 *
 * Ownership: cache_open and cache_close by the same owner; values are copied into the arena.
 * Threads: one cache belongs to one thread (an executor, a worker); cache_stats from any.
 * Signals: cache_open ignores SIGPIPE for the process unless a handler stands there.
 */
#ifndef SOKOUL_COMMON_CACHE_CACHE_H
#define SOKOUL_COMMON_CACHE_CACHE_H

#include "common/base/arena.h"
#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cache;

enum
{
    CACHE_CONNECT_MS = 250,
    CACHE_COMMAND_MS = 500,
    CACHE_BACKOFF_MIN_MS = 100,
    CACHE_BACKOFF_MAX_MS = 2000,
    CACHE_MAX_BYTES = 1 << 20, /* of one value */
    CACHE_MAX_ARGUMENTS = 16,  /* keys and arguments of one script */
    CACHE_MAX_NUMBERS = 8,     /* that a script may answer */
    CACHE_MAX_CALLS = 64       /* of a script in one round trip */
};

/* `url` is redis://[[user]:password@]host[:port][/database], percent-encoded; never logged. E_CONFIG: it has
 * another form.  Does not connect. */
MUST_USE enum err_code cache_open(const char *url, struct cache **out, struct err *err);
void cache_close(struct cache *cache); /* NULL is fine */

/* The value is NUL-terminated behind its `len` bytes. */
MUST_USE enum err_code cache_get(struct cache *cache, const char *key, struct arena *arena,
                                 const char **value, size_t *len, struct err *err);
MUST_USE enum err_code cache_set(struct cache *cache, const char *key, const void *value, size_t len,
                                 int64_t ttl_ms, struct err *err);
/* One run of a script: what it is given, all borrowed, and the numbers that it answers. */
struct cache_call
{
    const char *words[CACHE_MAX_ARGUMENTS]; /* first the keys, then the arguments */
    size_t key_count;
    size_t count; /* of the words */
    int64_t numbers[CACHE_MAX_NUMBERS];
    size_t number_count; /* 0: it failed, or answered something else than numbers */
};

/* A Lua script, which Redis is sent only when it does not have it. */
struct cache_script
{
    const char *text;
    char digest[41]; /* "" until Redis has told it */
    bool forgotten;  /* Redis was lost or restarted since; whoever looks sets it back */
};

/* Runs the script for each of at most CACHE_MAX_CALLS, each atomically, in one round trip; all takes at most
 * wait_ms.  `script` belongs to this cache alone.  E_UNAVAILABLE: those without numbers have failed. */
MUST_USE enum err_code cache_run(struct cache *cache, struct cache_script *script, struct cache_call *calls,
                                 size_t count, int wait_ms, struct err *err);

/* For health probes: writes a value (or fails at once while the backoff lasts), since a server that answers
 * and takes no value is no cache.  The text says what is wrong and, behind a colon, what mends it. */
MUST_USE enum err_code cache_ping(struct cache *cache, int64_t *latency_us, struct err *err);

/* Counts since cache_open.  A program adds up those of its caches and offers the sums as metrics. */
struct cache_stats
{
    uint64_t hits;
    uint64_t misses;
    uint64_t errors; /* calls that found no server */
    uint64_t losses; /* connections that broke */
};

struct cache_stats cache_stats(const struct cache *cache);

#endif
