/* SPDX-License-Identifier: Apache-2.0 */
#include "common/cache/cache.h"

#include "common/base/clock.h"
#include "common/base/moved.h"
#include "tests/support/redis_server.h"
#include "tests/support/scripted_server.h"

#include <arpa/inet.h>
#include <check.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum
{
    MARGIN_MS = 300, /* a busy machine */
    WAIT_MS = 10000
};

static struct redis_server *redis;
static struct cache *cache;
static struct arena *arena;
static struct err err;
static const char *value;
static size_t len;

static void set_up(void)
{
    redis = redis_server_new();
    redis_server_start(redis);
    arena = arena_new(4 << 20);
    ck_assert_int_eq(cache_open(redis_server_url(redis), &cache, &err), E_OK);
}

static void tear_down(void)
{
    cache_close(cache);
    arena_free(arena);
    redis_server_free(redis);
}

static enum err_code get(const char *key)
{
    return cache_get(cache, key, arena, &value, &len, &err);
}

static enum err_code set(const char *key, const char *text)
{
    return cache_set(cache, key, text, strlen(text), 60000, &err);
}

static enum err_code try_script(const char *text, struct cache_call *call)
{
    struct cache_script script = {.text = text};
    return cache_run(cache, &script, call, 1, CACHE_COMMAND_MS, &err);
}

static int64_t run_script(const char *text, const char *key)
{
    struct cache_call call = {.words = {key}, .key_count = 1, .count = 1};
    ck_assert_int_eq(try_script(text, &call), E_OK);
    ck_assert_uint_eq(call.number_count, 1);
    return call.numbers[0];
}

static void wait_until_back(void)
{
    int64_t latency_us = 0;
    int64_t until_ms = clock_mono_ms() + WAIT_MS;
    while (cache_ping(cache, &latency_us, &err) != E_OK)
    {
        ck_assert_int_lt(clock_mono_ms(), until_ms);
        poll(NULL, 0, 20);
    }
}

/* ---- a healthy server -------------------------------------------------------------------- */

/* part: S186 */
START_TEST(cache__goes_on_while_redis_does_not_know_the_new_password)
{
    char url[128];
    ck_assert_int_eq(set("k", "v"), E_OK);
    snprintf(url, sizeof url, "redis://:not-yet@127.0.0.1:%d/3", redis_server_port(redis));
    ck_assert(moved_to(redis_server_url(redis), url));
    ck_assert_int_eq(get("k"), E_OK);
    ck_assert_uint_eq(cache_stats(cache).errors, 0);
    snprintf(url, sizeof url, "redis://:not-yet@127.0.0.1:%d/4", redis_server_port(redis));
    ck_assert(moved_to(redis_server_url(redis), url)); /* another database: not the same server */
    ck_assert_int_eq(get("k"), E_UNAVAILABLE);
}
END_TEST

START_TEST(cache__gives_back_what_it_was_given)
{
    ck_assert_int_eq(get("k"), E_NOT_FOUND);
    ck_assert_int_eq(cache_set(cache, "k", "a\0b", 3, 60000, &err), E_OK);
    ck_assert_int_eq(get("k"), E_OK);
    ck_assert_uint_eq(len, 3);
    ck_assert_mem_eq(value, "a\0b", 4);
    ck_assert_int_eq(cache_set(cache, "k", "", 0, 60000, &err), E_OK);
    ck_assert_int_eq(get("k"), E_OK);
    ck_assert_uint_eq(len, 0);
    struct cache_stats stats = cache_stats(cache);
    ck_assert_uint_eq(stats.hits, 2);
    ck_assert_uint_eq(stats.misses, 1);
    ck_assert_uint_eq(stats.errors, 0);
}
END_TEST

START_TEST(cache__uses_the_database_of_the_url)
{
    ck_assert_int_eq(set("k", "v"), E_OK);
    struct cache *other = NULL;
    char *url = arena_strdup(arena, redis_server_url(redis));
    url[strlen(url) - 1] = '4';
    ck_assert_int_eq(cache_open(url, &other, &err), E_OK);
    ck_assert_int_eq(cache_get(other, "k", arena, &value, &len, &err), E_NOT_FOUND);
    cache_close(other);
}
END_TEST

START_TEST(cache__forgets_after_the_time_to_live)
{
    ck_assert_int_eq(cache_set(cache, "k", "v", 1, 50, &err), E_OK);
    int64_t until_ms = clock_mono_ms() + WAIT_MS;
    while (get("k") == E_OK)
    {
        ck_assert_int_lt(clock_mono_ms(), until_ms);
        poll(NULL, 0, 5);
    }
    ck_assert_int_eq(get("k"), E_NOT_FOUND);
    ck_assert_int_eq(cache_set(cache, "k", "v", 1, 0, &err), E_BUG);
}
END_TEST

/* A fault of R1: wrong types. */
START_TEST(cache__takes_a_value_of_another_type_for_a_miss)
{
    ck_assert_int_eq(run_script("return {redis.call('RPUSH', KEYS[1], 'x')}", "list"), 1);
    ck_assert_int_eq(get("list"), E_NOT_FOUND);
    ck_assert_uint_eq(cache_stats(cache).misses, 1);
    ck_assert_int_eq(set("list", "v"), E_OK); /* and it can be replaced */
    ck_assert_int_eq(get("list"), E_OK);
}
END_TEST

START_TEST(cache__takes_a_value_that_is_too_large_for_a_miss)
{
    char *large = calloc(1, CACHE_MAX_BYTES + 1);
    ck_assert_int_eq(cache_set(cache, "k", large, CACHE_MAX_BYTES, 60000, &err), E_OK);
    ck_assert_int_eq(get("k"), E_OK);
    ck_assert_int_eq(cache_set(cache, "k", large, CACHE_MAX_BYTES + 1, 60000, &err), E_TOO_LARGE);
    free(large);
    ck_assert_int_eq(run_script("redis.call('SET', KEYS[1], string.rep('x', 2000000)) return {1}", "huge"),
                     1);
    ck_assert_int_eq(get("huge"), E_NOT_FOUND);
}
END_TEST

START_TEST(cache__runs_scripts)
{
    struct cache_call call = {.words = {"a", "b", "40", "2"}, .key_count = 2, .count = 4};
    ck_assert_int_eq(try_script("return {#KEYS, ARGV[1] + ARGV[2], -1}", &call), E_OK);
    ck_assert_uint_eq(call.number_count, 3);
    ck_assert_int_eq(call.numbers[0], 2);
    ck_assert_int_eq(call.numbers[1], 42);
    ck_assert_int_eq(call.numbers[2], -1);
    static const char *const wrong[] = {"return 'text'", "return {'text'}", "this is not Lua",
                                        "return {1,2,3,4,5,6,7,8,9}"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
    {
        struct cache_call other = {0};
        ck_assert_int_eq(try_script(wrong[i], &other), E_UNAVAILABLE);
        ck_assert_uint_eq(other.number_count, 0);
    }
    ck_assert_int_eq(set("k", "v"), E_OK); /* the connection is still good */
    ck_assert_uint_eq(cache_stats(cache).losses, 0);
}
END_TEST

START_TEST(cache__runs_many_in_one_round_trip_and_one_that_fails_is_alone)
{
    struct cache_script script = {.text = "return {redis.call('INCR', KEYS[1])}"};
    struct cache_call calls[CACHE_MAX_CALLS] = {0};
    ck_assert_int_eq(run_script("redis.call('LPUSH', KEYS[1], 'x') return {1}", "list"), 1);
    for (int i = 0; i < CACHE_MAX_CALLS; i++)
        calls[i] = (struct cache_call){.words = {i == 1 ? "list" : "n"}, .key_count = 1, .count = 1};
    ck_assert_int_eq(cache_run(cache, &script, calls, CACHE_MAX_CALLS, CACHE_COMMAND_MS, &err),
                     E_UNAVAILABLE);
    for (int i = 0; i < CACHE_MAX_CALLS; i++)
        ck_assert_uint_eq(calls[i].number_count, i != 1);
    ck_assert_int_eq(calls[CACHE_MAX_CALLS - 1].numbers[0], CACHE_MAX_CALLS - 1);
}
END_TEST

START_TEST(cache__sends_a_script_again_that_redis_has_forgotten)
{
    struct cache_script script = {.text = "return {7}"};
    struct cache_call call = {0};
    ck_assert_int_eq(cache_run(cache, &script, &call, 1, CACHE_COMMAND_MS, &err), E_OK);
    ck_assert(!script.forgotten);
    redis_server_kill(redis);
    redis_server_start(redis);
    call = (struct cache_call){0};
    ck_assert_int_eq(cache_run(cache, &script, &call, 1, CACHE_COMMAND_MS, &err), E_OK);
    ck_assert_int_eq(call.numbers[0], 7);
    ck_assert(script.forgotten);
}
END_TEST

/* req: S220 */
START_TEST(cache__keeps_its_connection)
{
    static const char received[] =
        "return {tonumber(string.match(redis.call('INFO', 'stats'), 'total_connections_received:(%d+)'))}";
    ck_assert_int_eq(set("k", "v"), E_OK);
    int64_t before = run_script(received, "k");
    for (int i = 0; i < 20; i++)
        ck_assert_int_eq(set("k", "v"), E_OK);
    ck_assert_int_eq(run_script(received, "k"), before);
    ck_assert_uint_eq(cache_stats(cache).losses, 0);
    int64_t latency_us = 0;
    ck_assert_int_eq(cache_ping(cache, &latency_us, &err), E_OK);
    ck_assert_int_gt(latency_us, 0);
}
END_TEST

/* As after a restart, Redis's `timeout`, or a proxy that drops whom it has not heard for a while. */
START_TEST(cache__closed_while_idle_goes_on_with_the_next_command)
{
    ck_assert_int_eq(set("k", "v"), E_OK);
    redis_server_kill(redis);
    redis_server_start(redis);
    ck_assert_int_eq(get("k"), E_NOT_FOUND);
    ck_assert_int_eq(set("k", "v"), E_OK);
    ck_assert_uint_eq(cache_stats(cache).errors, 0);
    ck_assert_uint_eq(cache_stats(cache).losses, 1);
}
END_TEST

/* ---- a server that is away --------------------------------------------------------------- */

static void check_quick(const char *key, int64_t most_ms)
{
    int64_t began_ms = clock_mono_ms();
    ck_assert_int_eq(get(key), E_UNAVAILABLE);
    ck_assert_int_le(clock_mono_ms() - began_ms, most_ms);
    ck_assert_ptr_null(strstr(err.text, REDIS_SERVER_PASSWORD));
}

/* req: S257 part: S254 S256 S258 S259 */
START_TEST(cache__killed_fails_at_once_and_comes_back)
{
    ck_assert_int_eq(set("k", "v"), E_OK);
    redis_server_kill(redis);
    for (int i = 0; i < 100; i++)
        check_quick("k", MARGIN_MS);
    ck_assert_int_eq(set("k", "v"), E_UNAVAILABLE);
    ck_assert_uint_eq(cache_stats(cache).losses, 1);
    ck_assert_uint_eq(cache_stats(cache).errors, 101);
    redis_server_start(redis);
    wait_until_back();
    ck_assert_int_eq(get("k"), E_NOT_FOUND);
    ck_assert_int_eq(set("k", "v"), E_OK);
    ck_assert_int_eq(get("k"), E_OK);
    ck_assert_uint_eq(cache_stats(cache).hits, 1);
}
END_TEST

START_TEST(cache__frozen_costs_one_timeout_and_comes_back)
{
    ck_assert_int_eq(set("k", "v"), E_OK);
    redis_server_freeze(redis);
    check_quick("k", CACHE_COMMAND_MS + MARGIN_MS);
    check_quick("k", CACHE_COMMAND_MS + MARGIN_MS);
    int64_t began_ms = clock_mono_ms();
    int calls = 0;
    for (; clock_mono_ms() - began_ms < 2000; calls++)
        check_quick("k", CACHE_COMMAND_MS + MARGIN_MS);
    ck_assert_int_gt(calls, 1000); /* nearly all of them did not wait */
    redis_server_thaw(redis);
    wait_until_back();
    ck_assert_int_eq(get("k"), E_OK); /* and no late reply of an earlier command */
    ck_assert_str_eq(value, "v");
}
END_TEST

START_TEST(cache__that_does_not_accept_costs_one_timeout)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fillers[4];
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(listener, 0), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    for (int i = 0; i < 4; i++) /* the queue is full: further ones are dropped silently */
    {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(fillers[i], (struct sockaddr *)&address, sizeof address);
    }
    struct cache *other = NULL;
    const char *url = arena_printf(arena, "redis://127.0.0.1:%d", ntohs(address.sin_port));
    ck_assert_int_eq(cache_open(url, &other, &err), E_OK);
    int64_t began_ms = clock_mono_ms();
    ck_assert_int_eq(cache_get(other, "k", arena, &value, &len, &err), E_UNAVAILABLE);
    ck_assert_int_le(clock_mono_ms() - began_ms, CACHE_COMMAND_MS + MARGIN_MS);
    cache_close(other);
    for (int i = 0; i < 4; i++)
        close(fillers[i]);
    close(listener);
}
END_TEST

START_TEST(cache__with_a_wrong_password_is_away)
{
    struct cache *other = NULL;
    const char *url = arena_printf(arena, "redis://:wrong-word@127.0.0.1:%d", redis_server_port(redis));
    ck_assert_int_eq(cache_open(url, &other, &err), E_OK);
    ck_assert_int_eq(cache_get(other, "k", arena, &value, &len, &err), E_UNAVAILABLE);
    ck_assert_ptr_null(strstr(err.text, "wrong-word"));
    cache_close(other);
    url = arena_printf(arena, "redis://127.0.0.1:%d", redis_server_port(redis));
    ck_assert_int_eq(cache_open(url, &other, &err), E_OK);
    ck_assert_int_eq(cache_get(other, "k", arena, &value, &len, &err), E_UNAVAILABLE);
    cache_close(other);
}
END_TEST

static void answer_http(struct scripted_call *call, void *context)
{
    (void)context;
    scripted_reply(call, 400, NULL, "this is no Redis");
}

START_TEST(cache__that_speaks_something_else_is_away)
{
    struct scripted_server *server = scripted_server_start(answer_http, NULL);
    struct cache *other = NULL;
    const char *url = arena_printf(arena, "redis%s", strchr(scripted_server_url(server), ':'));
    ck_assert_int_eq(cache_open(url, &other, &err), E_OK);
    const char *key = "an empty line ends a request\r\n\r\n";
    ck_assert_int_eq(cache_get(other, key, arena, &value, &len, &err), E_UNAVAILABLE);
    ck_assert_int_eq(scripted_server_requests(server), 1);
    cache_close(other);
    scripted_server_stop(server);
}
END_TEST

START_TEST(cache__without_a_good_url_is_not_opened)
{
    struct cache *other = NULL;
    ck_assert_int_eq(cache_open("http://127.0.0.1", &other, &err), E_CONFIG);
    ck_assert_ptr_null(other);
    cache_close(other);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cache");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, cache__gives_back_what_it_was_given);
    tcase_add_test(tests, cache__goes_on_while_redis_does_not_know_the_new_password);
    tcase_add_test(tests, cache__uses_the_database_of_the_url);
    tcase_add_test(tests, cache__forgets_after_the_time_to_live);
    tcase_add_test(tests, cache__takes_a_value_of_another_type_for_a_miss);
    tcase_add_test(tests, cache__takes_a_value_that_is_too_large_for_a_miss);
    tcase_add_test(tests, cache__runs_scripts);
    tcase_add_test(tests, cache__runs_many_in_one_round_trip_and_one_that_fails_is_alone);
    tcase_add_test(tests, cache__sends_a_script_again_that_redis_has_forgotten);
    tcase_add_test(tests, cache__keeps_its_connection);
    tcase_add_test(tests, cache__closed_while_idle_goes_on_with_the_next_command);
    tcase_add_test(tests, cache__killed_fails_at_once_and_comes_back);
    tcase_add_test(tests, cache__frozen_costs_one_timeout_and_comes_back);
    tcase_add_test(tests, cache__that_does_not_accept_costs_one_timeout);
    tcase_add_test(tests, cache__with_a_wrong_password_is_away);
    tcase_add_test(tests, cache__that_speaks_something_else_is_away);
    tcase_add_test(tests, cache__without_a_good_url_is_not_opened);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
