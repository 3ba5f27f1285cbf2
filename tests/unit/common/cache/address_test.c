/* SPDX-License-Identifier: Apache-2.0 */
#include "common/cache/address.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct err err;

static const struct
{
    const char *url;
    const char *host;
    int port;
    const char *user;
    const char *password;
    int database;
} good[] = {
    {"redis://localhost", "localhost", 6379, "", "", 0},
    {"redis://localhost:6380/", "localhost", 6380, "", "", 0},
    {"REDIS://h:1/15", "h", 1, "", "", 15},
    {"redis://:secret@h:6379/0", "h", 6379, "", "secret", 0},
    {"redis://user:secret@h", "h", 6379, "user", "secret", 0},
    {"redis://secret@h", "h", 6379, "", "secret", 0},
    {"redis://u%40x:p%40%3A%2f%25@h:2/3", "h", 2, "u@x", "p@:/%", 3},
    {"redis://:a@b@h", "h", 6379, "", "a@b", 0},
    {"redis://[::1]:7000/2", "::1", 7000, "", "", 2},
    {"redis://[::1]", "::1", 6379, "", "", 0},
};

START_TEST(cache_address__is_read)
{
    struct cache_address address;
    ck_assert_int_eq(cache_address_parse(good[_i].url, &address, &err), E_OK);
    ck_assert_str_eq(address.host, good[_i].host);
    ck_assert_int_eq(address.port, good[_i].port);
    ck_assert_str_eq(address.user, good[_i].user);
    ck_assert_str_eq(address.password, good[_i].password);
    ck_assert_int_eq(address.database, good[_i].database);
}
END_TEST

static const char *const bad[] = {
    NULL,
    "",
    "foo",
    "redis://",
    "redis:///0",
    "redis://:sesame@",
    "http://h",
    "redis://h:0",
    "redis://h:65536",
    "redis://h:port",
    "redis://h:",
    "redis://h/db",
    "redis://h/-1",
    "redis://h/1/2",
    "redis://h?x=1",
    "redis://:sesame%zz@h",
    "redis://:sesame%2@h",
    "redis://:sesame%00@h",
    "redis://[::1",
    "redis://[::1]x",
    "redis://[]",
};

START_TEST(cache_address__is_refused_without_telling_the_password)
{
    struct cache_address address;
    ck_assert_int_eq(cache_address_parse(bad[_i], &address, &err), E_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.text, "REDIS_URL"));
    ck_assert_ptr_null(strstr(err.text, "sesame"));
}
END_TEST

START_TEST(cache_address__has_limits)
{
    char url[2000] = "redis://:";
    struct cache_address address;
    memset(url + 9, 'a', 1000);
    memcpy(url + 1009, "@h", 3);
    ck_assert_int_eq(cache_address_parse(url, &address, &err), E_CONFIG);
    memcpy(url + 1009, "/0", 3);
    ck_assert_int_eq(cache_address_parse(url, &address, &err), E_CONFIG);
}
END_TEST

static void look_up(const char *host, enum err_code expected)
{
    struct cache_lookup *lookup = cache_lookup_new(host);
    struct cache_found found = {0};
    ck_assert_ptr_nonnull(lookup);
    ck_assert_int_eq(cache_lookup_wait(lookup, 10000, &found, &err), expected);
    if (expected == E_OK)
        ck_assert_uint_gt(found.count, 0);
    cache_lookup_free(lookup);
}

START_TEST(cache_lookup__finds_numbers_and_names)
{
    look_up("127.0.0.1", E_OK);
    look_up("::1", E_OK);
    look_up("localhost", E_OK);
    look_up("not a name", E_UNAVAILABLE);
}
END_TEST

START_TEST(cache_lookup__can_be_left_while_it_runs)
{
    for (int i = 0; i < 50; i++)
    {
        struct cache_lookup *lookup = cache_lookup_new("localhost");
        struct cache_found found;
        enum err_code code = cache_lookup_wait(lookup, 0, &found, &err);
        ck_assert(code == E_TIMEOUT || code == E_OK);
        cache_lookup_free(lookup);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cache address");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, cache_address__is_read, 0, sizeof good / sizeof good[0]);
    tcase_add_loop_test(tests, cache_address__is_refused_without_telling_the_password, 0,
                        sizeof bad / sizeof bad[0]);
    tcase_add_test(tests, cache_address__has_limits);
    tcase_add_test(tests, cache_lookup__finds_numbers_and_names);
    tcase_add_test(tests, cache_lookup__can_be_left_while_it_runs);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
