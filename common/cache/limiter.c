/* SPDX-License-Identifier: Apache-2.0 */
#include "common/cache/limiter.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/cache/tally.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum
{
    NUMBER_SIZE = 24,
    US_PER_MS = 1000,
    FIRST_AGAIN_MS = 250,
    LAST_AGAIN_MS = 2000,
    DISTRUST_MS = (LIMITER_WINDOW_S + 1) * 1000
};

/* Each key is a list of times, the latest first.  The time of this request is put before them, and taken off
 * again if one of the keys has too many: two commands of each key is all that most requests cost.  What is no
 * number counts as long ago; a clock that was set back makes all that is there count as of now.  A key lasts
 * for two windows from when it was made or lost a time, which happens once in a window at least. */
const char limiter_script[] =
    "local stamp = ARGV[#KEYS + 2]\n"
    "if stamp == '' then\n"
    "  local time = redis.call('TIME')\n"
    "  stamp = string.format('%.0f', time[1] * 1000000 + time[2])\n"
    "end\n"
    "local now, window = tonumber(stamp), tonumber(ARGV[#KEYS + 1])\n"
    "local answer = {1}\n"
    "local function at(key, index)\n"
    "  return tonumber(redis.call('LINDEX', key, index) or 0) or 0\n"
    "end\n"
    "local function put(key)\n"
    "  local count = redis.pcall('LPUSH', key, stamp)\n"
    "  if type(count) == 'table' then\n"
    "    redis.call('DEL', key)\n"
    "    count = redis.call('LPUSH', key, stamp)\n"
    "  end\n"
    "  return count\n"
    "end\n"
    "for i, key in ipairs(KEYS) do\n"
    "  local limit, count = tonumber(ARGV[i]), put(key)\n"
    "  local oldest, fresh = at(key, -1), count == 1\n"
    "  if oldest > now then\n"
    "    redis.call('DEL', key)\n"
    "    for _ = 1, count do redis.call('LPUSH', key, stamp) end\n"
    "    oldest, fresh = now, true\n"
    "  end\n"
    "  while oldest + window < now do\n"
    "    redis.call('RPOP', key)\n"
    "    count, oldest, fresh = count - 1, at(key, -1), true\n"
    "  end\n"
    "  if fresh then redis.call('PEXPIRE', key, math.ceil(window / 500) + 1000) end\n"
    "  if count > limit then\n"
    "    answer[1] = 0\n"
    "    oldest = at(key, limit)\n"
    "  end\n"
    "  answer[2 * i], answer[2 * i + 1] = count, oldest + window + 1 - now\n"
    "end\n"
    "if answer[1] == 1 then return answer end\n"
    "for i, key in ipairs(KEYS) do\n"
    "  redis.call('LPOP', key)\n"
    "  answer[2 * i] = answer[2 * i] - 1\n"
    "end\n"
    "return answer\n";

struct limiter
{
    struct tally *tally;
    _Atomic int64_t again_ms;      /* Redis is not asked before; 0: it answers */
    _Atomic int64_t pause_ms;      /* how long it was not asked last */
    _Atomic int64_t distrusted_ms; /* until then it may lack something that was let through */
};

struct limiter *limiter_new(void)
{
    struct limiter *limiter = calloc(1, sizeof *limiter);
    if (limiter == NULL)
        return NULL;
    limiter->tally = tally_new();
    if (limiter->tally != NULL)
        return limiter;
    free(limiter);
    return NULL;
}

void limiter_free(struct limiter *limiter)
{
    if (limiter == NULL)
        return;
    tally_free(limiter->tally);
    free(limiter);
}

struct limiter_redis limiter_redis(struct cache *cache)
{
    return (struct limiter_redis){.cache = cache, .script = {.text = limiter_script}};
}

/* ---- Redis is away, or not ------------------------------------------------------------------------- */

/* While it is away one of all threads asks now and then. */
static bool may_ask(struct limiter *limiter, int64_t now_ms)
{
    int64_t again_ms = atomic_load(&limiter->again_ms);
    if (again_ms == 0)
        return true;
    return again_ms <= now_ms &&
           atomic_compare_exchange_strong(&limiter->again_ms, &again_ms, now_ms + LAST_AGAIN_MS);
}

static void note_away(struct limiter *limiter, const struct err *err)
{
    const int64_t now_ms = clock_mono_ms();
    const int64_t next_ms = atomic_load(&limiter->pause_ms) * 2;
    const int64_t pause_ms = next_ms < FIRST_AGAIN_MS  ? FIRST_AGAIN_MS
                             : next_ms > LAST_AGAIN_MS ? LAST_AGAIN_MS
                                                       : next_ms;
    atomic_store(&limiter->pause_ms, pause_ms);
    atomic_store(&limiter->distrusted_ms, now_ms + DISTRUST_MS);
    if (atomic_exchange(&limiter->again_ms, now_ms + pause_ms) == 0)
        log_warn("limits_alone", "this process counts for itself what is limited: %s", err->text);
}

static void note_there(struct limiter *limiter, struct limiter_redis *redis)
{
    if (redis->script.forgotten)
        atomic_store(&limiter->distrusted_ms, clock_mono_ms() + DISTRUST_MS);
    redis->script.forgotten = false;
    if (atomic_load(&limiter->again_ms) == 0)
        return;
    atomic_store(&limiter->pause_ms, 0);
    if (atomic_exchange(&limiter->again_ms, 0) != 0)
        log_info("limits_together", "what is limited is counted in Redis again");
}

/* ---- asking Redis ----------------------------------------------------------------------------------- */

/* Room for the numbers of one call. */
struct numbers
{
    char limit[LIMITER_MAX_ASKS][NUMBER_SIZE];
};

static void make_call(const struct limiter_request *request, struct cache_call *call, struct numbers *numbers)
{
    static const char window[] = "60000000";
    _Static_assert(LIMITER_WINDOW_S == 60, "the window in microseconds");
    *call = (struct cache_call){.key_count = request->count};
    for (size_t i = 0; i < request->count; i++)
        call->words[call->count++] = request->asks[i].key;
    for (size_t i = 0; i < request->count; i++)
    {
        snprintf(numbers->limit[i], NUMBER_SIZE, "%u", request->asks[i].limit);
        call->words[call->count++] = numbers->limit[i];
    }
    call->words[call->count++] = window;
    call->words[call->count++] = "";
}

static bool read_answer(const struct cache_call *call, struct limiter_request *request)
{
    if (call->number_count != 1 + 2 * request->count)
        return false;
    request->is_allowed = call->numbers[0] == 1;
    for (size_t i = 0; i < request->count; i++)
    {
        request->asks[i].used = (uint32_t)call->numbers[1 + 2 * i];
        request->asks[i].wait_ms = (call->numbers[2 + 2 * i] + US_PER_MS - 1) / US_PER_MS;
    }
    return true;
}

/* Which of them Redis has decided; the others are left as they were. */
static void ask_redis(struct limiter *limiter, struct limiter_redis *redis, struct limiter_request **requests,
                      size_t count, bool *decided)
{
    struct cache_call calls[LIMITER_MAX_REQUESTS];
    struct numbers numbers[LIMITER_MAX_REQUESTS];
    struct err err = ERR_INIT;
    if (redis->cache == NULL || count == 0 || !may_ask(limiter, clock_mono_ms()))
        return;
    for (size_t i = 0; i < count; i++)
        make_call(requests[i], &calls[i], &numbers[i]);
    if (cache_run(redis->cache, &redis->script, calls, count, LIMITER_WAIT_MS, &err) == E_OK)
        note_there(limiter, redis);
    else
        note_away(limiter, &err);
    for (size_t i = 0; i < count; i++)
        decided[i] = read_answer(&calls[i], requests[i]);
}

/* ---- this process ------------------------------------------------------------------------------------ */

/* What Redis has let through has to pass here, too; the numbers of Redis are the exact ones. */
static void take_here(struct limiter *limiter, struct limiter_request *request, bool decided)
{
    const int64_t now_ms = clock_mono_ms();
    const bool trusted = decided && now_ms >= atomic_load(&limiter->distrusted_ms);
    struct tally_ask asks[LIMITER_MAX_ASKS];
    for (size_t i = 0; i < request->count; i++)
        asks[i] = (struct tally_ask){.key = request->asks[i].key, .limit = request->asks[i].limit};
    request->is_allowed =
        tally_take(limiter->tally, asks, request->count, trusted ? TALLY_LOOSELY : TALLY_STRICTLY, now_ms);
    if (request->is_allowed && decided)
        return;
    for (size_t i = 0; i < request->count; i++)
    {
        request->asks[i].used = asks[i].used;
        request->asks[i].wait_ms = asks[i].wait_ms;
    }
}

static void remember_refusal(struct limiter *limiter, const struct limiter_request *request)
{
    const int64_t now_ms = clock_mono_ms();
    for (size_t i = 0; i < request->count; i++)
        if (request->asks[i].used >= request->asks[i].limit)
            tally_refuse(limiter->tally, request->asks[i].key, now_ms + request->asks[i].wait_ms, now_ms);
}

bool limiter_refuses(struct limiter *limiter, struct limiter_request *request)
{
    bool refused = false;
    for (size_t i = 0; i < request->count; i++)
    {
        struct limiter_ask *ask = &request->asks[i];
        ask->wait_ms = tally_refused_ms(limiter->tally, ask->key, clock_mono_ms());
        ask->used = ask->wait_ms > 0 ? ask->limit : 0;
        refused = refused || ask->wait_ms > 0;
    }
    request->is_allowed = !refused;
    return refused;
}

void limiter_take(struct limiter *limiter, struct limiter_redis *redis, struct limiter_request *requests,
                  size_t count)
{
    struct limiter_request *asked[LIMITER_MAX_REQUESTS];
    bool decided[LIMITER_MAX_REQUESTS] = {false};
    size_t open = 0;
    for (size_t i = 0; i < count; i++)
        if (!limiter_refuses(limiter, &requests[i]))
            asked[open++] = &requests[i];
    ask_redis(limiter, redis, asked, open, decided);
    for (size_t i = 0; i < open; i++)
        if (decided[i] && !asked[i]->is_allowed)
            remember_refusal(limiter, asked[i]);
        else
            take_here(limiter, asked[i], decided[i]);
}
