/* SPDX-License-Identifier: Apache-2.0 */
/* Healing as a thread, on a real Postgres and a real NATS. */
#include "common/healing/internal.h"

#include "common/base/clock.h"
#include "common/base/id.h"
#include "tests/support/suite.h"
#include "tests/support/test_db.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum
{
    FOREIGN_WORKERS = 61,
    LEASE_MS = 40000
};

static struct db *db;
static struct mq *mq;
static struct healing *healing;
static struct err err;
static atomic_int wakes;

static void count_wake(void *of)
{
    (void)of;
    atomic_fetch_add(&wakes, 1);
}

static struct healing *start(const char *name)
{
    struct healing *one = NULL;
    const struct healing_config config = {.database_url = test_db_url(),
                                          .name = name,
                                          .mq = mq,
                                          .lease_ms = LEASE_MS,
                                          .retention_days = 30,
                                          .wake = count_wake};
    ck_assert_int_eq(healing_start(&config, &one, &err), E_OK);
    return one;
}

static void setup(void)
{
    db = test_db_open();
    test_db_exec(db, "TRUNCATE jobs, outgoing, claims, workers, relay_batches, schedules CASCADE");
    ck_assert_int_eq(mq_open(getenv("TEST_NATS_URL"), "healing_test", &mq, &err), E_OK);
    healing = start("healing_test");
}

static void stop(void)
{
    healing_stop(healing);
    healing = NULL;
}

static void teardown(void)
{
    stop();
    mq_close(mq);
    test_db_close(db);
    db_pool_close(test_db_pool());
}

/* What the statement answers, once it is not 0. */
static int64_t await(const char *sql)
{
    int64_t found = 0;
    eventually((found = test_db_int(db, sql)) != 0);
    return found;
}

#define BACKEND(name)                                                                                        \
    "SELECT coalesce(min(pid), 0) FROM pg_stat_activity WHERE datname = current_database()"                  \
    " AND application_name = '" name " healing'"
#define HAS_TURN " AND pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted)"

static const char backend[] = BACKEND("healing_test");
static const char holder[] = BACKEND("healing_test") HAS_TURN;
static const char second_backend[] = BACKEND("second");
static const char second_holder[] = BACKEND("second") HAS_TURN;

START_TEST(stop__does_not_wait_for_a_frozen_database)
{
    const pid_t pid = (pid_t)await(backend);
    ck_assert_int_eq(kill(pid, SIGSTOP), 0);
    const int64_t began_ms = clock_mono_ms();
    stop();
    const int64_t took_ms = clock_mono_ms() - began_ms;
    kill(pid, SIGCONT);
    ck_assert_int_lt(took_ms, 6000);
}
END_TEST

static bool has_consumer(const char *worker)
{
    struct mq_consumer consumer;
    return mq_consumer_info(mq, worker, JOB_LOW, &consumer, &err) == E_OK;
}

/* The gauge is written before the consumers are looked at. */
START_TEST(healing__looks_after_as_many_workers_as_may_be_known)
{
    test_db_exec(db,
                 "INSERT INTO outgoing (subject, headers, body, run_at) VALUES ('sokoul.events.test', '{}',"
                 " '{}', now() + interval '1 hour')");
    test_db_exec(db,
                 "INSERT INTO workers (id, worker, node, server_start, backend_pid, backend_start)"
                 " SELECT gen_random_uuid(), 'w' || n, 'here', pg_postmaster_start_time(), pid, backend_start"
                 " FROM generate_series(1, 61) n, pg_stat_activity WHERE pid = pg_backend_pid()");
    eventually(mq_worker_at(mq, 3 + FOREIGN_WORKERS - 1) != NULL);
    ck_assert_str_eq(mq_worker_at(mq, 3 + FOREIGN_WORKERS - 1), "w9"); /* by name */
    eventually(has_consumer("w9"));
    ck_assert_int_le((3 + FOREIGN_WORKERS) * JOB_PRIORITIES, HEALING_CONSUMERS);
    ck_assert_int_eq(healing_backlog(healing), 1);
}
END_TEST

START_TEST(healing__fires_what_is_due_and_wakes_the_relay)
{
    test_db_exec(db, "INSERT INTO users (id, username, email, password_hash, role) VALUES ('" ID_SYSTEM_USER
                     "', 'system', 'system@localhost', '!', 'system') ON CONFLICT DO NOTHING");
    test_db_exec(db, "INSERT INTO schedules (name, kind, priority, payload, every_s, missed, next_at)"
                     " VALUES ('each', 'noop', 'normal', '{}', 3600, 'once', now())");
    ck_assert_int_eq(await("SELECT count(*) FROM jobs WHERE request_id = 'schedule-each'"), 1);
    eventually(atomic_load(&wakes) > 0);
}
END_TEST

/* One heals at a time; when it ends, the other one goes on. */
START_TEST(turn__goes_to_another_process_when_one_ends)
{
    (void)await(holder);
    struct healing *second = start("second");
    (void)await(second_backend);
    ck_assert_int_eq(test_db_int(db, second_holder), 0);
    stop();
    (void)await(second_holder);
    healing_stop(second);
}
END_TEST

int main(void)
{
    test_db_create();
    const struct suite_case cases[] = {{stop__does_not_wait_for_a_frozen_database, 1},
                                       {healing__looks_after_as_many_workers_as_may_be_known, 1},
                                       {healing__fires_what_is_due_and_wakes_the_relay, 1},
                                       {turn__goes_to_another_process_when_one_ends, 1}};
    int status = suite_run_with("healing", cases, sizeof cases / sizeof cases[0], setup, teardown);
    test_db_drop();
    return status;
}
