/* SPDX-License-Identifier: Apache-2.0 */
#include "common/cache/cache.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/cache/link.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
    NUMBER_SIZE = 24,
    PROBE_TTL_MS = 60000
};

struct cache
{
    struct cache_link link;
    uint64_t losses_seen; /* by cache_run */
    atomic_uint_fast64_t hits;
    atomic_uint_fast64_t misses;
    atomic_uint_fast64_t errors;
};

static void count(atomic_uint_fast64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* ---- opening and closing ----------------------------------------------------------------- */

static void ignore_sigpipe(void)
{
    struct sigaction action;
    if (sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_DFL)
        signal(SIGPIPE, SIG_IGN);
}

enum err_code cache_open(const char *url, struct cache **out, struct err *err)
{
    struct cache *cache = calloc(1, sizeof *cache);
    if (cache == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    enum err_code code = cache_link_open(&cache->link, url, err);
    if (code != E_OK)
    {
        cache_close(cache);
        return code;
    }
    ignore_sigpipe();
    *out = cache;
    return E_OK;
}

void cache_close(struct cache *cache)
{
    if (cache == NULL)
        return;
    cache_link_close(&cache->link);
    free(cache);
}

/* One command and its reply, which the caller frees. */
static enum err_code run(struct cache *cache, const struct cache_command *command, redisReply **out,
                         struct err *err)
{
    log_trace("cache_call", "%s", command->words[0]);
    enum err_code code = cache_link_run(&cache->link, command, out, err);
    if (code != E_OK)
        count(&cache->errors);
    return code;
}

/* For replies that a healthy server never gives: read-only, out of memory, still loading. */
static enum err_code odd(struct cache *cache, const redisReply *reply, struct err *err)
{
    count(&cache->errors);
    if (reply->type == REDIS_REPLY_ERROR)
    {
        const char *refusal = cache_refusal(reply->str);
        if (strncmp(reply->str, "NOAUTH", 6) == 0 || strncmp(reply->str, "READONLY", 8) == 0)
            cache_link_drop(&cache->link);
        return refusal != NULL ? fail(err, E_UNAVAILABLE, "%s", refusal)
                               : fail(err, E_UNAVAILABLE, "the cache answered: %.80s", reply->str);
    }
    return fail(err, E_UNAVAILABLE, "the cache gave an unexpected answer");
}

/* ---- commands ---------------------------------------------------------------------------- */

static bool is_wrong_type(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "WRONGTYPE", 9) == 0;
}

enum err_code cache_get(struct cache *cache, const char *key, struct arena *arena, const char **value,
                        size_t *len, struct err *err)
{
    struct cache_command command = {0};
    redisReply *reply = NULL;
    cache_command_add(&command, "GET");
    cache_command_add(&command, key);
    enum err_code code = run(cache, &command, &reply, err);
    if (code != E_OK)
        return code;
    if (reply->type == REDIS_REPLY_STRING && reply->len <= CACHE_MAX_BYTES)
    {
        const char *copy = arena_strndup(arena, reply->str, reply->len);
        code = copy != NULL ? E_OK : fail(err, E_NO_MEMORY, "no room for a value of the cache");
        if (code == E_OK)
        {
            *value = copy;
            *len = reply->len;
            count(&cache->hits);
        }
    }
    else if (reply->type == REDIS_REPLY_NIL || reply->type == REDIS_REPLY_STRING || is_wrong_type(reply))
    {
        count(&cache->misses);
        code = fail(err, E_NOT_FOUND, "not in the cache");
    }
    else
        code = odd(cache, reply, err);
    freeReplyObject(reply);
    return code;
}

enum err_code cache_set(struct cache *cache, const char *key, const void *value, size_t len, int64_t ttl_ms,
                        struct err *err)
{
    struct cache_command command = {0};
    redisReply *reply = NULL;
    char ttl[NUMBER_SIZE];
    if (len > CACHE_MAX_BYTES)
        return fail(err, E_TOO_LARGE, "a value of %zu bytes is too large for the cache", len);
    if (ttl_ms <= 0)
        return fail(err, E_BUG, "a value of the cache needs an end");
    snprintf(ttl, sizeof ttl, "%lld", (long long)ttl_ms);
    cache_command_add(&command, "SET");
    cache_command_add(&command, key);
    cache_command_add_bytes(&command, value, len);
    cache_command_add(&command, "PX");
    cache_command_add(&command, ttl);
    enum err_code code = run(cache, &command, &reply, err);
    if (code != E_OK)
        return code;
    if (reply->type != REDIS_REPLY_STATUS)
        code = odd(cache, reply, err);
    freeReplyObject(reply);
    return code;
}

/* ---- scripts ------------------------------------------------------------------------------- */

/* Redis says the digest under which it has the script from now on. */
static enum err_code load(struct cache *cache, struct cache_script *script, int64_t deadline_ms,
                          struct err *err)
{
    struct cache_command command = {0};
    redisReply *reply = NULL;
    cache_command_add(&command, "SCRIPT");
    cache_command_add(&command, "LOAD");
    cache_command_add(&command, script->text);
    if (cache_link_begin(&cache->link, deadline_ms, err) != E_OK ||
        cache_link_say(&cache->link, &command, err) != E_OK ||
        cache_link_hear(&cache->link, deadline_ms, &reply, err) != E_OK)
        return err->code;
    enum err_code code = E_OK;
    if (reply->type == REDIS_REPLY_STRING && reply->len == sizeof script->digest - 1)
        memcpy(script->digest, reply->str, sizeof script->digest);
    else
        code = odd(cache, reply, err);
    freeReplyObject(reply);
    return code;
}

static enum err_code say_call(struct cache *cache, const struct cache_script *script,
                              const struct cache_call *call, struct err *err)
{
    struct cache_command command = {0};
    char key_count[NUMBER_SIZE];
    snprintf(key_count, sizeof key_count, "%zu", call->key_count);
    cache_command_add(&command, "EVALSHA");
    cache_command_add(&command, script->digest);
    cache_command_add(&command, key_count);
    for (size_t i = 0; i < call->count; i++)
        cache_command_add(&command, call->words[i]);
    return cache_link_say(&cache->link, &command, err);
}

/* False: no list of at most CACHE_MAX_NUMBERS numbers. */
static bool read_numbers(const redisReply *reply, struct cache_call *call)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements > CACHE_MAX_NUMBERS)
        return false;
    for (size_t i = 0; i < reply->elements; i++)
    {
        if (reply->element[i]->type != REDIS_REPLY_INTEGER)
            return false;
        call->numbers[i] = reply->element[i]->integer;
    }
    call->number_count = reply->elements;
    return true;
}

static bool lacks_script(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "NOSCRIPT", 8) == 0;
}

/* One round trip for those that have no numbers yet.  Takes the digest from a script that Redis lacks. */
static enum err_code run_calls(struct cache *cache, struct cache_script *script, struct cache_call *calls,
                               size_t count, int64_t deadline_ms, struct err *err)
{
    bool asked[CACHE_MAX_CALLS] = {false};
    enum err_code code = cache_link_begin(&cache->link, deadline_ms, err);
    for (size_t i = 0; i < count && code == E_OK; i++)
        if ((asked[i] = calls[i].number_count == 0))
            code = say_call(cache, script, &calls[i], err);
    bool lacks = false;
    for (size_t i = 0; i < count; i++)
    {
        redisReply *reply = NULL;
        if (!asked[i])
            continue;
        if (cache->link.context == NULL || cache_link_hear(&cache->link, deadline_ms, &reply, err) != E_OK)
            return err->code;
        lacks = lacks || lacks_script(reply);
        if (!read_numbers(reply, &calls[i]) && !lacks_script(reply))
            code = odd(cache, reply, err);
        freeReplyObject(reply);
    }
    if (lacks)
        script->digest[0] = '\0';
    return code;
}

enum err_code cache_run(struct cache *cache, struct cache_script *script, struct cache_call *calls,
                        size_t call_count, int wait_ms, struct err *err)
{
    const int64_t deadline_ms = clock_mono_ms() + wait_ms;
    enum err_code code = E_OK;
    for (int tries = 0; tries == 0 || (tries == 1 && code == E_OK && script->digest[0] == '\0'); tries++)
    {
        script->forgotten = script->forgotten || tries > 0;
        if (script->digest[0] == '\0')
            code = load(cache, script, deadline_ms, err);
        if (code == E_OK)
            code = run_calls(cache, script, calls, call_count, deadline_ms, err);
    }
    const uint64_t losses = atomic_load_explicit(&cache->link.losses, memory_order_relaxed);
    script->forgotten = script->forgotten || losses != cache->losses_seen;
    cache->losses_seen = losses;
    if (code == E_OK && script->digest[0] == '\0')
        code = fail(err, E_UNAVAILABLE, "the cache forgets its scripts");
    if (code != E_OK)
        count(&cache->errors);
    return code;
}

enum err_code cache_ping(struct cache *cache, int64_t *latency_us, struct err *err)
{
    static const char key[] = "sokoul:probe";
    struct cache_command command = {0};
    redisReply *reply = NULL;
    int64_t began_ns = clock_mono_ns();
    enum err_code code = cache_set(cache, key, "1", 1, PROBE_TTL_MS, err);
    if (code != E_OK)
        return code;
    *latency_us = (clock_mono_ns() - began_ns) / 1000;
    cache_command_add(&command, "GET"); /* cache_get would count it */
    cache_command_add(&command, key);
    code = run(cache, &command, &reply, err);
    if (code == E_OK && reply->type == REDIS_REPLY_ERROR)
        code = odd(cache, reply, err);
    freeReplyObject(reply);
    return code;
}

struct cache_stats cache_stats(const struct cache *cache)
{
    return (struct cache_stats){.hits = atomic_load_explicit(&cache->hits, memory_order_relaxed),
                                .misses = atomic_load_explicit(&cache->misses, memory_order_relaxed),
                                .errors = atomic_load_explicit(&cache->errors, memory_order_relaxed),
                                .losses = atomic_load_explicit(&cache->link.losses, memory_order_relaxed)};
}
