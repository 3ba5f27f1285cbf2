/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link.h -- the connection to Redis: made when needed, given up when it fails, made again later.
 *
 * When REDIS_URL changes (moved.h), the next command connects to what it says now.
 *
 * Private to common/cache.  One thread.  No call takes longer than its caller says, several commands in one
 * round trip included; after a failure calls fail at once until the backoff is over.
 */
#ifndef SOKOUL_COMMON_CACHE_LINK_H
#define SOKOUL_COMMON_CACHE_LINK_H

#include "common/cache/address.h"
#include "common/cache/cache.h"

#include <hiredis/hiredis.h>
#include <stdatomic.h>
#include <stdbool.h>

enum
{
    CACHE_MAX_WORDS = CACHE_MAX_ARGUMENTS + 3 /* of one command */
};

/* A command: words with their lengths, as hiredis takes them; all borrowed. */
struct cache_command
{
    const char *words[CACHE_MAX_WORDS];
    size_t lens[CACHE_MAX_WORDS];
    int count;
};

void cache_command_add(struct cache_command *command, const char *word);
void cache_command_add_bytes(struct cache_command *command, const void *bytes, size_t len);

struct cache_link
{
    char *url; /* the first (moved.h) */
    unsigned turn;
    struct cache_address address; /* of where it is now */
    struct cache_address before;  /* the same server under the login before; host "": none */
    struct cache_lookup *lookup;
    redisContext *context; /* NULL: not connected */
    int64_t retry_at_ms;   /* no attempt before, by the monotonic clock */
    int64_t backoff_ms;
    bool lost;     /* a loss was logged and no return since */
    char why[160]; /* why the server was lost, as logged last */
    atomic_uint_fast64_t losses;
};

MUST_USE enum err_code cache_link_open(struct cache_link *link, const char *url, struct err *err);
void cache_link_close(struct cache_link *link); /* fine also after a failed open */
/* Within CACHE_COMMAND_MS.  The reply is the caller's to free.  An error that Redis answers is a reply, too.
 */
MUST_USE enum err_code cache_link_run(struct cache_link *link, const struct cache_command *command,
                                      redisReply **reply, struct err *err);
/* Several in one round trip: begin, say each, then hear a reply for each; after a failure none follows. */
MUST_USE enum err_code cache_link_begin(struct cache_link *link, int64_t deadline_ms, struct err *err);
MUST_USE enum err_code cache_link_say(struct cache_link *link, const struct cache_command *command,
                                      struct err *err);
MUST_USE enum err_code cache_link_hear(struct cache_link *link, int64_t deadline_ms, redisReply **reply,
                                       struct err *err);

/* A text for an error reply of Redis, with what mends it behind a colon. NULL: an unknown error. */
const char *cache_refusal(const char *reply);
/* The next command connects anew: the server has revoked our login. */
void cache_link_drop(struct cache_link *link);

#endif
