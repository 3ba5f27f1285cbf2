/* SPDX-License-Identifier: Apache-2.0 */
#include "common/cache/limiter.h"

#include "common/base/clock.h"
#include "tests/support/redis_server.h"

#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
    WAIT_MS = 20000,
    LIMIT = 100,
    WINDOW_US = LIMITER_WINDOW_S * 1000000,
    STEPS = 3000
};

/* A process with its limiter and a connection. */
struct process
{
    struct limiter *limiter;
    struct cache *cache;
    struct limiter_redis redis;
};

static struct redis_server *redis;
static struct process one;
static struct process other;
static struct err err;

static void open_process(struct process *process)
{
    process->limiter = limiter_new();
    ck_assert_int_eq(cache_open(redis_server_url(redis), &process->cache, &err), E_OK);
    process->redis = limiter_redis(process->cache);
}

static void close_process(struct process *process)
{
    limiter_free(process->limiter);
    cache_close(process->cache);
}

static void set_up(void)
{
    redis = redis_server_new();
    redis_server_start(redis);
    open_process(&one);
    open_process(&other);
}

static void tear_down(void)
{
    close_process(&one);
    close_process(&other);
    redis_server_free(redis);
}

static struct limiter_request request_of(const char *first, uint32_t limit, const char *second)
{
    struct limiter_request request = {.count = second != NULL ? 2 : 1};
    snprintf(request.asks[0].key, LIMITER_KEY_SIZE, "%s", first);
    request.asks[0].limit = limit;
    snprintf(request.asks[1].key, LIMITER_KEY_SIZE, "%s", second != NULL ? second : "");
    request.asks[1].limit = 1000;
    return request;
}

static struct limiter_request take(struct process *process, const char *first, const char *second)
{
    struct limiter_request request = request_of(first, LIMIT, second);
    limiter_take(process->limiter, &process->redis, &request, 1);
    return request;
}

static int take_many(struct process *process, const char *key, int times)
{
    int allowed = 0;
    for (int i = 0; i < times; i++)
        allowed += take(process, key, NULL).is_allowed;
    return allowed;
}

static int64_t ask_redis(const char *text, const char *key)
{
    struct cache_script script = {.text = text};
    struct cache_call call = {.words = {key}, .key_count = 1, .count = 1};
    ck_assert_int_eq(cache_run(other.cache, &script, &call, 1, CACHE_COMMAND_MS, &err), E_OK);
    return call.numbers[0];
}

/* ---- Redis is there ---------------------------------------------------------------------------- */

START_TEST(limiter__two_processes_let_the_limit_through_and_not_one_more)
{
    struct limiter_request request;
    for (uint32_t i = 0; i < LIMIT; i++)
    {
        request = take(i % 2 == 0 ? &one : &other, "user:a", NULL);
        ck_assert(request.is_allowed);
        ck_assert_uint_eq(request.asks[0].used, i + 1);
        ck_assert_int_gt(request.asks[0].wait_ms, 0);
        ck_assert_int_le(request.asks[0].wait_ms, LIMITER_WINDOW_S * 1000 + 1);
    }
    for (int i = 0; i < 4; i++)
    {
        request = take(i % 2 == 0 ? &one : &other, "user:a", NULL);
        ck_assert(!request.is_allowed);
        ck_assert_uint_eq(request.asks[0].used, LIMIT);
        ck_assert_int_gt(request.asks[0].wait_ms, LIMITER_WINDOW_S * 1000 - WAIT_MS);
        ck_assert_int_le(request.asks[0].wait_ms, LIMITER_WINDOW_S * 1000 + 1);
    }
    ck_assert(take(&one, "user:b", NULL).is_allowed);
}
END_TEST

START_TEST(limiter__a_request_that_is_refused_counts_for_nothing)
{
    for (int i = 0; i < LIMIT; i++)
        ck_assert(take(&one, "user:a", "address:x").is_allowed);
    for (int i = 0; i < 20; i++)
        ck_assert(!take(i % 2 == 0 ? &one : &other, "user:a", "address:x").is_allowed);
    ck_assert_int_eq(ask_redis("return {redis.call('LLEN', KEYS[1])}", "address:x"), LIMIT);
    ck_assert_int_eq(ask_redis("return {redis.call('LLEN', KEYS[1])}", "user:a"), LIMIT);
}
END_TEST

START_TEST(limiter__decides_on_a_batch_in_its_order)
{
    struct limiter_request batch[LIMITER_MAX_REQUESTS];
    for (int i = 0; i < LIMITER_MAX_REQUESTS; i++)
        batch[i] = request_of(i % 2 == 0 ? "user:a" : "user:b", 10, "address:x");
    limiter_take(one.limiter, &one.redis, batch, LIMITER_MAX_REQUESTS);
    for (int i = 0; i < LIMITER_MAX_REQUESTS; i++)
        ck_assert_int_eq(batch[i].is_allowed, i < 20);
    ck_assert_uint_eq(batch[19].asks[0].used, 10);
    ck_assert_uint_eq(batch[19].asks[1].used, 20);
}
END_TEST

START_TEST(limiter__keeps_a_bounded_list_for_a_minute)
{
    take_many(&one, "user:a", 3 * LIMIT);
    ck_assert_int_eq(ask_redis("return {redis.call('LLEN', KEYS[1])}", "user:a"), LIMIT);
    ck_assert_int_le(ask_redis("return {redis.call('PTTL', KEYS[1])}", "user:a"),
                     (2 * LIMITER_WINDOW_S + 1) * 1000);
    ck_assert_int_gt(ask_redis("return {redis.call('PTTL', KEYS[1])}", "user:a"), 0);
    ck_assert_int_le(ask_redis("return {redis.call('MEMORY', 'USAGE', KEYS[1], 'SAMPLES', 0)}", "user:a"),
                     32 * LIMIT);
}
END_TEST

START_TEST(limiter__a_key_that_is_something_else_is_made_anew)
{
    ck_assert_int_eq(ask_redis("redis.call('SET', KEYS[1], 'x') return {1}", "user:a"), 1);
    ck_assert_int_eq(ask_redis("redis.call('LPUSH', KEYS[1], 'x') return {1}", "user:b"), 1);
    ck_assert_int_eq(take_many(&one, "user:a", LIMIT + 1), LIMIT);
    ck_assert_int_eq(take_many(&other, "user:a", LIMIT), 0);
    ck_assert_int_eq(take_many(&one, "user:b", LIMIT + 1), LIMIT);
}
END_TEST

/* ---- the script, at times of our own ------------------------------------------------------------ */

static struct cache_script script;

/* {1 or 0, used, microseconds to wait} */
static struct cache_call run_at(int64_t now_us, const char *limit)
{
    static char now[24];
    snprintf(now, sizeof now, "%lld", (long long)now_us);
    struct cache_call call = {.words = {"user:a", limit, "60000000", now}, .key_count = 1, .count = 4};
    script.text = limiter_script;
    ck_assert_msg(cache_run(one.cache, &script, &call, 1, CACHE_COMMAND_MS, &err) == E_OK, "%s", err.text);
    return call;
}

/* A window that begins anew each minute would let the fourth and the sixth through as well.  req: S171 */
START_TEST(limiter__the_window_slides)
{
    static const int64_t s = 1000000;
    const int64_t t = 1700000000 * s;
    ck_assert_int_eq(run_at(t, "3").numbers[0], 1);
    ck_assert_int_eq(run_at(t + 30 * s, "3").numbers[0], 1);
    ck_assert_int_eq(run_at(t + 59 * s, "3").numbers[0], 1);
    struct cache_call refused = run_at(t + 60 * s, "3");
    ck_assert_int_eq(refused.numbers[0], 0);
    ck_assert_int_eq(refused.numbers[2], 1);
    ck_assert_int_eq(run_at(t + 60 * s + 1, "3").numbers[0], 1);
    refused = run_at(t + 61 * s, "3");
    ck_assert_int_eq(refused.numbers[0], 0);
    ck_assert_int_eq(refused.numbers[2], 29 * s + 1);
    ck_assert_int_eq(run_at(t + 90 * s + 1, "3").numbers[0], 1);
    refused = run_at(t + 91 * s, "1"); /* lowered: all three have to go */
    ck_assert_int_eq(refused.numbers[2], 59 * s + 2);
}
END_TEST

START_TEST(limiter__is_exact_at_any_time)
{
    static int64_t let_through[STEPS];
    const int64_t start_us = 1700000000000000;
    int count = 0;
    unsigned seed = 3;
    for (int64_t i = 0, now_us = start_us; i < STEPS; i++)
    {
        int within = 0;
        for (int j = count - 1; j >= 0 && now_us - let_through[j] <= WINDOW_US; j--)
            within++;
        ck_assert_int_eq(run_at(now_us, "10").numbers[0], within < 10);
        if (within < 10)
            let_through[count++] = now_us;
        now_us += rand_r(&seed) % 50 == 0 ? rand_r(&seed) % 90000000 : rand_r(&seed) % 5000000;
    }
    ck_assert_int_gt(count, STEPS / 10);
    ck_assert_int_lt(count, STEPS - STEPS / 10);
}
END_TEST

START_TEST(limiter__a_clock_that_is_set_back_opens_and_locks_nothing)
{
    const int64_t t = 1700000000000000;
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(run_at(t + i, "3").numbers[0], 1);
    const int64_t back = t - 3600000000;
    struct cache_call refused = run_at(back, "3");
    ck_assert_int_eq(refused.numbers[0], 0);
    ck_assert_int_eq(refused.numbers[2], WINDOW_US + 1);
    ck_assert_int_eq(run_at(back + WINDOW_US + 1, "3").numbers[0], 1);
}
END_TEST

/* ---- Redis is away ------------------------------------------------------------------------------- */

START_TEST(limiter__without_redis_a_process_counts_alone)
{
    struct process alone = {.limiter = limiter_new(), .redis = limiter_redis(NULL)};
    ck_assert_int_eq(take_many(&alone, "user:a", 3 * LIMIT), LIMIT);
    limiter_free(alone.limiter);
}
END_TEST

START_TEST(limiter__goes_on_from_what_it_has_counted_when_redis_goes_and_comes_back_empty)
{
    ck_assert_int_eq(take_many(&one, "user:a", 60), 60);
    redis_server_kill(redis);
    ck_assert_int_eq(take_many(&one, "user:a", LIMIT), LIMIT - 60);
    redis_server_start(redis);
    const int64_t until_ms = clock_mono_ms() + WAIT_MS;
    while (take(&one, "user:b", NULL).is_allowed && ask_redis("return {redis.call('DBSIZE')}", "k") == 0)
    {
        ck_assert_int_lt(clock_mono_ms(), until_ms);
        poll(NULL, 0, 50);
    }
    ck_assert_int_eq(ask_redis("return {redis.call('DBSIZE')}", "k"), 1);
    ck_assert_int_eq(take_many(&one, "user:a", LIMIT), 0);
}
END_TEST

/* Nobody has noticed that it was away. */
START_TEST(limiter__a_redis_that_has_forgotten_lets_nobody_through_twice)
{
    ck_assert_int_eq(take_many(&one, "user:a", LIMIT), LIMIT);
    redis_server_kill(redis);
    redis_server_start(redis);
    ck_assert_int_eq(take_many(&one, "user:a", LIMIT), 0);
    ck_assert_int_eq(take_many(&one, "user:c", LIMIT), LIMIT);
    ck_assert_int_eq(ask_redis("redis.call('FLUSHALL') return {1}", "k"), 1);
    ck_assert_int_eq(take_many(&one, "user:c", LIMIT), 0);
}
END_TEST

START_TEST(limiter__a_frozen_redis_costs_one_wait_and_stays_closed)
{
    ck_assert_int_eq(take_many(&one, "user:a", 10), 10);
    redis_server_freeze(redis);
    const int64_t began_ms = clock_mono_ms();
    ck_assert_int_eq(take_many(&one, "user:a", 3 * LIMIT), LIMIT - 10);
    ck_assert_int_lt(clock_mono_ms() - began_ms, 4 * LIMITER_WAIT_MS);
    redis_server_thaw(redis);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("limiter");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, limiter__two_processes_let_the_limit_through_and_not_one_more);
    tcase_add_test(tests, limiter__a_request_that_is_refused_counts_for_nothing);
    tcase_add_test(tests, limiter__decides_on_a_batch_in_its_order);
    tcase_add_test(tests, limiter__keeps_a_bounded_list_for_a_minute);
    tcase_add_test(tests, limiter__a_key_that_is_something_else_is_made_anew);
    tcase_add_test(tests, limiter__the_window_slides);
    tcase_add_test(tests, limiter__is_exact_at_any_time);
    tcase_add_test(tests, limiter__a_clock_that_is_set_back_opens_and_locks_nothing);
    tcase_add_test(tests, limiter__without_redis_a_process_counts_alone);
    tcase_add_test(tests, limiter__goes_on_from_what_it_has_counted_when_redis_goes_and_comes_back_empty);
    tcase_add_test(tests, limiter__a_redis_that_has_forgotten_lets_nobody_through_twice);
    tcase_add_test(tests, limiter__a_frozen_redis_costs_one_wait_and_stays_closed);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
