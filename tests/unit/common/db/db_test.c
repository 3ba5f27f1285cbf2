/* SPDX-License-Identifier: Apache-2.0 */
/* The door to Postgres, on a real one. */
#include "common/db/db.h"

#include "common/base/clock.h"
#include "common/base/moved.h"
#include "tests/support/suite.h"
#include "tests/support/test_db.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct db_pool *pool;
static struct arena *arena;
static struct err err;
static bool is_away;

static const struct db_stmt echo = {"t_echo", "SELECT $1::text, $2::bigint, $3::timestamptz, NULL", 3};
static const struct db_stmt array = {"t_array", "SELECT t FROM unnest($1::text[]) AS t", 1};
static const struct db_stmt array_of_texts = {"t_array_of_texts", "SELECT t FROM unnest($1::text[]) AS t",
                                              1 + DB_TEXTS(1)};
static const struct db_stmt array_of_uuids = {"t_array_of_uuids", "SELECT t FROM unnest($1::uuid[]) AS t",
                                              1 + DB_UUIDS(1)};
static const struct db_stmt add = {"t_add", "INSERT INTO things (name, size) VALUES ($1, $2)", 2};
static const struct db_stmt all = {"t_all", "SELECT count(*) FROM things", 0};
static const struct db_stmt nap = {"t_nap", "SELECT pg_sleep($1::float8)", 1};
static const struct db_stmt broken = {"t_broken", "SELECT nothing FROM nowhere", 0};
static const struct db_stmt end_me = {"t_end_me", "SELECT pg_terminate_backend($1::int)", 1};
static const struct db_stmt too_wide = {"t_too_wide",
                                        "INSERT INTO things (name, size) SELECT string_agg(md5(n::text), "
                                        "''), 1 FROM generate_series(1, 1000) AS n",
                                        0};
static const struct db_stmt pid_stmt = {"t_pid", "SELECT pg_backend_pid()", 0};

static bool away(void *of)
{
    return *(bool *)of;
}

static const struct db_stmt first_plan = {"t_first_plan", "EXPLAIN EXECUTE first_of_many(1, 'a%', 3)", 0};

static void open_pool(int size, int statement_ms, int get_wait_ms)
{
    const struct db_pool_config config = {.url = test_db_url(),
                                          .name = "db_test",
                                          .size = size,
                                          .statement_ms = statement_ms,
                                          .get_wait_ms = get_wait_ms,
                                          .away = away,
                                          .away_of = &is_away};
    ck_assert_int_eq(db_pool_open(&config, &pool, &err), E_OK);
}

static struct db *get(void)
{
    struct db *db = NULL;
    ck_assert_int_eq(db_get(pool, &db, &err), E_OK);
    return db;
}

static void setup(void)
{
    is_away = false;
    arena = arena_new(1 << 20);
    open_pool(2, 2000, 300);
    struct db *db = get();
    ck_assert_int_eq(db_script(db,
                               "DROP TABLE IF EXISTS things; CREATE TABLE things (name text PRIMARY KEY,"
                               " size integer NOT NULL CHECK (size >= 0))",
                               &err),
                     E_OK);
    db_put(db);
}

static void teardown(void)
{
    db_pool_close(pool);
    arena_free(arena);
}

static int64_t number(struct db *db, const struct db_stmt *stmt)
{
    struct db_rows *rows = NULL;
    ck_assert_int_eq(db_run(db, stmt, NULL, &rows, &err), E_OK);
    int64_t value = db_int(rows, 0, 0, -1);
    db_rows_free(rows);
    return value;
}

START_TEST(run__binds_and_reads_every_type)
{
    struct db *db = get();
    struct db_rows *rows = NULL;
    const char *params[] = {"'; DROP TABLE things; --", db_param_int(arena, INT64_MIN),
                            db_param_time(arena, 1771169317123)};
    ck_assert_int_eq(db_run(db, &echo, params, &rows, &err), E_OK);
    ck_assert_int_eq(db_rows(rows), 1);
    ck_assert_str_eq(db_text(rows, 0, 0), params[0]);
    ck_assert_int_eq(db_int(rows, 0, 1, 0), INT64_MIN);
    ck_assert_int_eq(db_time(rows, 0, 2, 0), 1771169317123);
    ck_assert_ptr_null(db_text(rows, 0, 3));
    ck_assert_int_eq(db_int(rows, 0, 3, 7), 7);
    db_rows_free(rows);
    ck_assert_int_eq(number(db, &all), 0);
    db_put(db);
}
END_TEST

static void check_array(const struct db_stmt *stmt, const char *const *items, size_t n)
{
    struct db *db = get();
    struct db_rows *rows = NULL;
    const char *params[] = {db_param_column(arena, stmt, 1, items, n)};
    ck_assert_int_eq(db_run(db, stmt, params, &rows, &err), E_OK);
    ck_assert_int_eq(db_rows(rows), (int)n);
    for (size_t i = 0; i < n; i++)
        ck_assert_pstr_eq(db_text(rows, (int)i, 0), items[i]);
    db_rows_free(rows);
    db_put(db);
}

START_TEST(array__keeps_quotes_backslashes_commas_and_null)
{
    static const char *const items[] = {"plain", "a\"b", "c\\d", "e,f", "{}", "", NULL, "NULL", " g "};
    const size_t n = sizeof items / sizeof items[0];
    check_array(&array, items, n);
    check_array(&array_of_texts, items, n);
    check_array(&array, items, 0);
    check_array(&array_of_texts, items, 0);
}
END_TEST

START_TEST(array__of_uuids_is_read_as_they_were)
{
    static const char *const items[] = {"00000000-0000-0000-0000-000000000000", NULL,
                                        "ffffffff-ffff-ffff-ffff-ffffffffffff",
                                        "0192f0c1-2345-7abc-8def-0123456789ab"};
    check_array(&array_of_uuids, items, sizeof items / sizeof items[0]);
    check_array(&array_of_uuids, items, 0);
}
END_TEST

static const char *const no_uuids[] = {"", "0192f0c1", "0192f0c1-2345-7abc-8def-0123456789a",
                                       "0192f0c1-2345-7abc-8def-0123456789abc",
                                       "0192f0c1-2345-7abc-8def-0123456789ag"};

START_TEST(array__of_uuids_with_something_else_is_refused)
{
    struct db *db = get();
    const char *params[] = {db_param_column(arena, &array_of_uuids, 1, &no_uuids[_i], 1)};
    ck_assert_int_eq(db_run(db, &array_of_uuids, params, NULL, &err), E_INVALID);
    db_put(db);
}
END_TEST

static const struct
{
    const char *name;
    const char *size;
    enum err_code code;
} violations[] = {
    {"one", "2", E_CONFLICT}, {"two", "-1", E_INVALID}, {"two", NULL, E_INVALID}, {"two", "x", E_INVALID}};

/* req: S14, S15 */
START_TEST(run__says_what_a_violated_constraint_means)
{
    struct db *db = get();
    const char *first[] = {"one", "1"};
    const char *params[] = {violations[_i].name, violations[_i].size};
    ck_assert_int_eq(db_run(db, &add, first, NULL, &err), E_OK);
    ck_assert_int_eq(db_run(db, &add, params, NULL, &err), violations[_i].code);
    ck_assert_ptr_null(strstr(err.text, "things")); /* no SQL, no names of ours */
    ck_assert_int_eq(number(db, &all), 1);          /* and the connection is as good as before */
    db_put(db);
}
END_TEST

START_TEST(run__calls_a_wrong_statement_a_bug)
{
    struct db *db = get();
    ck_assert_int_eq(db_run(db, &broken, NULL, NULL, &err), E_BUG);
    ck_assert_int_eq(number(db, &all), 0);
    db_put(db);
}
END_TEST

/* What a client sent is at fault, and no bug of ours. */
START_TEST(run__calls_a_value_that_an_index_does_not_take_invalid)
{
    struct db *db = get();
    ck_assert_int_eq(db_run(db, &too_wide, NULL, NULL, &err), E_INVALID);
    ck_assert_int_eq(number(db, &all), 0);
    db_put(db);
}
END_TEST

START_TEST(run__calls_a_statement_after_a_failed_one_no_bug)
{
    struct db *db = get();
    const char *one[] = {"one", "1"};
    ck_assert_int_eq(db_begin(db, &err), E_OK);
    ck_assert_int_eq(db_run(db, &add, one, NULL, &err), E_OK);
    ck_assert_int_eq(db_run(db, &add, one, NULL, &err), E_CONFLICT);
    ck_assert_int_eq(db_run(db, &all, NULL, NULL, &err), E_DATABASE);
    db_put(db);
}
END_TEST

START_TEST(run_all__answers_each_call_in_one_round_trip)
{
    struct db *db = get();
    const char *one[] = {"one", "1"};
    const char *two[] = {"two", "2"};
    const struct db_call calls[] = {{&add, one}, {&all, NULL}, {&add, two}, {&all, NULL}};
    struct db_rows *rows[4];
    ck_assert_int_eq(db_run_all(db, calls, 4, rows, &err), E_OK);
    ck_assert_int_eq(db_affected(rows[0]), 1);
    ck_assert_int_eq(db_int(rows[1], 0, 0, -1), 1);
    ck_assert_int_eq(db_int(rows[3], 0, 0, -1), 2);
    for (int i = 0; i < 4; i++)
        db_rows_free(rows[i]);
    db_put(db);
}
END_TEST

START_TEST(run_all__is_all_or_nothing_and_leaves_the_connection_in_step)
{
    struct db *db = get();
    const char *one[] = {"one", "1"};
    const struct db_call calls[] = {{&add, one}, {&add, one}, {&all, NULL}};
    struct db_rows *rows[3];
    ck_assert_int_eq(db_run_all(db, calls, 3, rows, &err), E_CONFLICT);
    for (int i = 0; i < 3; i++)
        ck_assert_ptr_null(rows[i]);
    ck_assert_int_eq(number(db, &all), 0);
    db_put(db);
}
END_TEST

START_TEST(put__rolls_back_what_was_left_open)
{
    struct db *db = get();
    const char *one[] = {"one", "1"};
    ck_assert_int_eq(db_begin(db, &err), E_OK);
    ck_assert_int_eq(db_run(db, &add, one, NULL, &err), E_OK);
    ck_assert_int_eq(db_run(db, &add, one, NULL, &err), E_CONFLICT);
    db_put(db);
    db = get();
    ck_assert_int_eq(number(db, &all), 0);
    ck_assert_int_eq(db_run(db, &add, one, NULL, &err), E_OK);
    db_put(db);
}
END_TEST

START_TEST(commit__of_a_failed_transaction_is_no_success)
{
    struct db *db = get();
    const char *one[] = {"one", "1"};
    ck_assert_int_eq(db_begin(db, &err), E_OK);
    ck_assert_int_eq(db_run(db, &add, one, NULL, &err), E_OK);
    ck_assert_int_eq(db_run(db, &add, one, NULL, &err), E_CONFLICT);
    ck_assert_int_ne(db_commit(db, &err), E_OK);
    db_put(db);
}
END_TEST

/* req: A40 part: A37 */
START_TEST(run__ends_at_its_deadline)
{
    struct db *db = get();
    const char *params[] = {"30"};
    int64_t began = clock_mono_ms();
    ck_assert_int_eq(db_run(db, &nap, params, NULL, &err), E_TIMEOUT);
    ck_assert_int_lt(clock_mono_ms() - began, 4000);
    db_put(db);
    db = get();
    ck_assert_int_eq(number(db, &all), 0);
    db_put(db);
}
END_TEST

/* A bitmap of all that is due, sorted, to take the first few: what every claim of a crowd once did. */
START_TEST(run__reads_the_first_of_many_in_the_order_of_their_index)
{
    struct db_pool *lookups = NULL;
    const struct db_pool_config config = {
        .url = test_db_url(), .name = "db_test", .size = 1, .plans = DB_PLANS_LOOKUPS};
    struct db *db = NULL;
    struct db_rows *rows = NULL;
    ck_assert_int_eq(db_pool_open(&config, &lookups, &err), E_OK);
    ck_assert_int_eq(db_get(lookups, &db, &err), E_OK);
    ck_assert_int_eq(
        db_script(db,
                  "CREATE INDEX ON things (size, name); PREPARE first_of_many(int, text, bigint) AS"
                  " SELECT name FROM things WHERE size <= $1 AND name LIKE $2"
                  " ORDER BY size, name LIMIT $3 FOR UPDATE",
                  &err),
        E_OK);
    ck_assert_int_eq(db_run(db, &first_plan, NULL, &rows, &err), E_OK);
    ck_assert_int_gt(db_rows(rows), 0);
    for (int i = 0; i < db_rows(rows); i++)
        ck_assert_msg(strstr(db_text(rows, i, 0), "Sort") == NULL, "%s", db_text(rows, i, 0));
    db_rows_free(rows);
    db_put(db);
    db_pool_close(lookups);
}
END_TEST

START_TEST(run__lets_go_of_a_server_that_is_known_to_be_away)
{
    struct db *db = get();
    const char *params[] = {"1.5"};
    is_away = true;
    int64_t began = clock_mono_ms();
    ck_assert_int_eq(db_run(db, &nap, params, NULL, &err), E_DATABASE);
    ck_assert_int_lt(clock_mono_ms() - began, 1200);
    is_away = false;
    db_put(db);
}
END_TEST

/* req: S234 part: S232, S233 */
START_TEST(get__waits_for_a_place_and_then_says_so)
{
    struct db *one = get();
    struct db *two = get();
    struct db *three = NULL;
    int64_t began = clock_mono_ms();
    ck_assert_int_eq(db_get(pool, &three, &err), E_UNAVAILABLE);
    ck_assert_int_ge(clock_mono_ms() - began, 290);
    ck_assert_int_lt(clock_mono_ms() - began, 2000); /* its wait is 300 ms */
    ck_assert_int_eq((int)db_pool_stats(pool).exhausted, 1);
    db_put(one);
    ck_assert_int_eq(db_get(pool, &three, &err), E_OK);
    db_put(three);
    db_put(two);
    ck_assert_int_eq(db_pool_stats(pool).in_use, 0);
}
END_TEST

/* req: A50 */
START_TEST(get__connects_again_when_the_connection_has_died)
{
    struct db *victim = get();
    struct db *killer = get();
    char pid[16];
    snprintf(pid, sizeof pid, "%lld", (long long)number(victim, &pid_stmt));
    const char *params[] = {pid};
    ck_assert_int_eq(db_run(killer, &end_me, params, NULL, &err), E_OK);
    ck_assert_int_eq(db_run(victim, &all, NULL, NULL, &err), E_DATABASE);
    ck_assert_int_eq(db_run(victim, &all, NULL, NULL, &err), E_DATABASE); /* not by itself */
    db_put(victim);
    victim = get();
    ck_assert_int_eq(number(victim, &all), 0);
    db_put(victim);
    db_put(killer);
}
END_TEST

START_TEST(get__leaves_a_server_that_has_become_read_only)
{
    struct db *db = get();
    int64_t before = number(db, &pid_stmt);
    ck_assert_int_eq(db_script(db, "SET default_transaction_read_only = on", &err), E_OK);
    ck_assert_int_eq(db_wait(db, -1, 0, NULL, &err), E_DATABASE);
    db_put(db);
    db = get();
    ck_assert_int_ne(number(db, &pid_stmt), before);
    db_put(db);
}
END_TEST

static const char *url_with(const char *more)
{
    const char *url = test_db_url();
    return arena_printf(arena, "%s%s%s", url, strchr(url, '?') != NULL ? "&" : "?", more);
}

/* part: S186 */
START_TEST(get__replaces_connections_when_the_settings_name_another_address)
{
    struct db *held = get();
    struct db *idle = get();
    const int64_t held_pid = number(held, &pid_stmt);
    const int64_t idle_pid = number(idle, &pid_stmt);
    db_put(idle);
    ck_assert(!db_has_moved(held));
    ck_assert(moved_to(test_db_url(), url_with("connect_timeout=7")));
    ck_assert(db_has_moved(held));
    ck_assert_int_eq(number(held, &pid_stmt), held_pid);
    ck_assert_int_eq(db_wait(held, -1, 0, NULL, &err), E_DATABASE);
    idle = get();
    ck_assert_int_ne(number(idle, &pid_stmt), idle_pid);
    ck_assert(!db_has_moved(idle));
    ck_assert_int_eq(number(idle, &all), 0);
    db_put(held);
    held = get();
    ck_assert_int_ne(number(held, &pid_stmt), held_pid);
    db_put(held);
    db_put(idle);
}
END_TEST

START_TEST(get__keeps_what_works_when_the_new_address_does_not)
{
    struct db *db = get();
    const int64_t was = number(db, &pid_stmt);
    db_put(db);
    ck_assert(moved_to(test_db_url(), "postgresql://nobody:nothing@127.0.0.1:1/nowhere"));
    for (int i = 0; i < 2; i++)
    {
        db = get();
        ck_assert_int_eq(number(db, &pid_stmt), was);
        ck_assert_int_eq(db_wait(db, -1, 0, NULL, &err), E_OK);
        db_put(db);
    }
}
END_TEST

START_TEST(run__closes_a_connection_that_refuses_a_write)
{
    static const char *const refused[] = {"BEGIN READ ONLY", "CREATE TABLE never (n int)"};
    struct db *db = get();
    ck_assert_int_eq(db_script(db, refused[0], &err), E_OK);
    ck_assert_int_eq(db_script(db, refused[1], &err), E_DATABASE);
    ck_assert_int_eq(db_script(db, "SELECT 1", &err), E_DATABASE);
    db_put(db);
    db = get();
    ck_assert_int_eq(db_script(db, "SELECT 1", &err), E_OK);
    db_put(db);
}
END_TEST

START_TEST(wait__hears_a_notification_and_a_descriptor)
{
    struct db *listener = get();
    struct db *speaker = get();
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(db_listen(listener, "sokoul_test", &err), E_OK);
    ck_assert_int_eq(db_script(speaker, "NOTIFY sokoul_test", &err), E_OK);
    int64_t began = clock_mono_ms();
    ck_assert_int_eq(db_wait(listener, -1, 5000, NULL, &err), E_OK);
    ck_assert_int_eq((int)write(ends[1], "x", 1), 1);
    ck_assert_int_eq(db_wait(listener, ends[0], 5000, NULL, &err), E_OK);
    ck_assert_int_lt(clock_mono_ms() - began, 4000);
    close(ends[0]);
    close(ends[1]);
    db_put(listener);
    db_put(speaker);
}
END_TEST

START_TEST(wait__hears_a_notification_that_came_with_an_answer)
{
    struct db *listener = get();
    struct db *speaker = get();
    bool told = false;
    ck_assert_int_eq(db_listen(listener, "sokoul_test", &err), E_OK);
    ck_assert_int_eq(db_begin(listener, &err), E_OK); /* told of nothing until its end, and then with it */
    ck_assert_int_eq(db_script(speaker, "NOTIFY sokoul_test", &err), E_OK);
    ck_assert_int_eq(db_commit(listener, &err), E_OK);
    int64_t began = clock_mono_ms();
    ck_assert_int_eq(db_wait(listener, -1, 5000, &told, &err), E_OK);
    ck_assert(told);
    ck_assert_int_lt(clock_mono_ms() - began, 4000);
    ck_assert_int_eq(db_wait(listener, -1, 0, &told, &err), E_OK);
    ck_assert(!told);
    db_put(listener);
    db_put(speaker);
}
END_TEST

START_TEST(get__says_that_the_database_is_away)
{
    struct db_pool *nowhere = NULL;
    struct db *db = NULL;
    const struct db_pool_config config = {.url = "postgresql://nobody@127.0.0.1:1/none", .size = 1};
    ck_assert_int_eq(db_pool_open(&config, &nowhere, &err), E_OK);
    ck_assert_int_eq(db_get(nowhere, &db, &err), E_DATABASE);
    ck_assert_int_eq(db_pool_stats(nowhere).in_use, 0);
    db_pool_close(nowhere);
}
END_TEST

int main(void)
{
    test_db_create();
    const struct suite_case cases[] = {
        {run__binds_and_reads_every_type, 1},
        {array__keeps_quotes_backslashes_commas_and_null, 1},
        {array__of_uuids_is_read_as_they_were, 1},
        {array__of_uuids_with_something_else_is_refused, sizeof no_uuids / sizeof no_uuids[0]},
        {run__says_what_a_violated_constraint_means, sizeof violations / sizeof violations[0]},
        {run__calls_a_wrong_statement_a_bug, 1},
        {run__calls_a_value_that_an_index_does_not_take_invalid, 1},
        {run__calls_a_statement_after_a_failed_one_no_bug, 1},
        {run_all__answers_each_call_in_one_round_trip, 1},
        {run_all__is_all_or_nothing_and_leaves_the_connection_in_step, 1},
        {put__rolls_back_what_was_left_open, 1},
        {commit__of_a_failed_transaction_is_no_success, 1},
        {run__ends_at_its_deadline, 1},
        {run__reads_the_first_of_many_in_the_order_of_their_index, 1},
        {run__lets_go_of_a_server_that_is_known_to_be_away, 1},
        {get__waits_for_a_place_and_then_says_so, 1},
        {get__connects_again_when_the_connection_has_died, 1},
        {get__leaves_a_server_that_has_become_read_only, 1},
        {get__replaces_connections_when_the_settings_name_another_address, 1},
        {get__keeps_what_works_when_the_new_address_does_not, 1},
        {run__closes_a_connection_that_refuses_a_write, 1},
        {wait__hears_a_notification_and_a_descriptor, 1},
        {wait__hears_a_notification_that_came_with_an_answer, 1},
        {get__says_that_the_database_is_away, 1},
    };
    int status = suite_run_with("db", cases, sizeof cases / sizeof cases[0], setup, teardown);
    test_db_drop();
    return status;
}
