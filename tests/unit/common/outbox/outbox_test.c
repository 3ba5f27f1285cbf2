/* SPDX-License-Identifier: Apache-2.0 */
/* The relay as a thread, on a real Postgres and a real NATS. */
#include "common/outbox/internal.h"

#include "common/base/clock.h"
#include "common/base/id.h"
#include "tests/support/suite.h"
#include "tests/support/test_db.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum
{
    FED_MS = 10000 /* so long rows keep coming at most */
};

static struct db *db;
static struct mq *mq;
static struct outbox *outbox;
static struct err err;

static void setup(void)
{
    db = test_db_open();
    test_db_exec(db, "TRUNCATE jobs, outgoing, workers, relay_batches CASCADE");
    ck_assert_int_eq(mq_open(getenv("TEST_NATS_URL"), "outbox_test", &mq, &err), E_OK);
    const struct outbox_config config = {.database_url = test_db_url(), .name = "outbox_test", .mq = mq};
    ck_assert_int_eq(outbox_start(&config, &outbox, &err), E_OK);
}

static void stop(void)
{
    outbox_stop(outbox);
    outbox = NULL;
}

static void teardown(void)
{
    stop();
    mq_close(mq);
    test_db_close(db);
    db_pool_close(test_db_pool());
}

static int64_t rows(void)
{
    return test_db_int(db, "SELECT count(*) FROM outgoing WHERE run_at <= now()");
}

static bool are_gone(int64_t wait_ms)
{
    const int64_t until_ms = clock_mono_ms() + wait_ms;
    while (rows() > 0 && clock_mono_ms() < until_ms)
        poll(NULL, 0, SUITE_LOOK_MS);
    return rows() == 0;
}

/* A row that nobody tells the relay of; the subject's stream is EVENTS, where nobody waits for it. */
static void insert_row(void)
{
    test_db_exec(db,
                 "INSERT INTO outgoing (subject, headers, body) VALUES ('sokoul.events.test', '{}', '{}')");
}

/* The relay has its connections, and has published. */
static void await_relay(void)
{
    insert_row();
    eventually(rows() == 0);
}

/* ---- new rows, and those of others ------------------------------------------------------------- */

static atomic_bool feeds;

/* Rows as if they had just been committed, some thousand a second. */
static void *feed(void *of)
{
    const struct id job = id_new();
    struct outbox_row row = {
        .job_id = job.text, .epoch = 1, .subject = "sokoul.events.test", .request_id = "", .body = "{}"};
    const struct just_committed committed = {.rows = &row, .count = 1};
    int64_t next = 1LL << 40;
    (void)of;
    while (atomic_load(&feeds))
    {
        for (int i = 0; i < 10; i++)
        {
            row.id = next++;
            outbox_publish(outbox, &committed);
        }
        poll(NULL, 0, SUITE_LOOK_MS);
    }
    return NULL;
}

START_TEST(relay__looks_at_its_table_while_new_rows_keep_coming)
{
    pthread_t feeder;
    await_relay();
    atomic_store(&feeds, true);
    ck_assert_int_eq(pthread_create(&feeder, NULL, feed, NULL), 0);
    insert_row();
    const bool gone = are_gone(FED_MS);
    atomic_store(&feeds, false);
    pthread_join(feeder, NULL);
    ck_assert_msg(gone, "a row of somebody else's waited for the end of our own");
}
END_TEST

/* ---- leaving ---------------------------------------------------------------------------------- */

START_TEST(stop__takes_a_last_look_at_what_is_due)
{
    await_relay();
    insert_row(); /* too young to be anybody's but its own relay's */
    stop();
    ck_assert_int_eq(rows(), 0);
}
END_TEST

START_TEST(stop__leaves_what_is_not_due)
{
    await_relay();
    test_db_exec(db,
                 "INSERT INTO outgoing (subject, headers, body, run_at) VALUES ('sokoul.events.test', '{}',"
                 " '{}', now() + interval '1 hour')");
    stop();
    ck_assert_int_eq(test_db_int(db, "SELECT count(*) FROM outgoing"), 1);
}
END_TEST

/* The relay is about to ask the database. */
static void await_wake_heard(void)
{
    struct pollfd wake = {.fd = outbox->wake_fd, .events = POLLIN};
    eventually(poll(&wake, 1, 0) == 0);
}

static pid_t backend_of_relay(void)
{
    const int64_t pid = test_db_int(
        db, "SELECT coalesce(min(pid), 0) FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name = 'outbox_test relay'");
    ck_assert_int_gt(pid, 0);
    return (pid_t)pid;
}

START_TEST(stop__does_not_wait_for_a_frozen_database)
{
    await_relay();
    const pid_t pid = backend_of_relay();
    ck_assert_int_eq(kill(pid, SIGSTOP), 0);
    outbox_wake(outbox);
    await_wake_heard();
    const int64_t began_ms = clock_mono_ms();
    stop();
    const int64_t took_ms = clock_mono_ms() - began_ms;
    kill(pid, SIGCONT);
    ck_assert_int_lt(took_ms, 6000);
}
END_TEST

/* ---- the worker of this process ----------------------------------------------------------------- */

static atomic_int asked;
static atomic_int delivered; /* calls */

static int eight_slots(void *of)
{
    (void)of;
    atomic_fetch_add(&asked, 1);
    return 8;
}

static void count_delivery(void *of, const struct job_claim *claims, size_t count)
{
    (void)of;
    (void)claims;
    (void)count;
    atomic_fetch_add(&delivered, 1);
}

static void attach_worker(void)
{
    static const struct job_claimer claimer = {
        .worker_id = "00000000-0000-0000-0000-000000000009", .worker = "scout", .lease_ms = 40000};
    const struct outbox_local local = {
        .worker = "scout", .claimer = &claimer, .free_slots = eight_slots, .deliver = count_delivery};
    outbox_deliver_to(outbox, &local);
}

START_TEST(deliver__answers_each_question_for_free_slots)
{
    await_relay();
    attach_worker();
    eventually(atomic_load(&delivered) >= 5);
    outbox_deliver_to(outbox, NULL);
    const int questions = atomic_load(&asked);
    ck_assert_int_ge(questions, 5);
    ck_assert_int_eq(atomic_load(&delivered), questions);
    insert_row();
    eventually(rows() == 0);
    ck_assert_int_eq(atomic_load(&asked), questions);
}
END_TEST

/* A claim is under way, and nobody knows how it ends. */
START_TEST(deliver__ends_in_time_and_for_good_though_the_database_is_frozen)
{
    await_relay();
    const pid_t pid = backend_of_relay();
    ck_assert_int_eq(kill(pid, SIGSTOP), 0);
    attach_worker();
    eventually(atomic_load(&asked) != atomic_load(&delivered));
    const int64_t began_ms = clock_mono_ms();
    outbox_deliver_to(outbox, NULL);
    const int64_t took_ms = clock_mono_ms() - began_ms;
    const int ended = atomic_load(&delivered);
    kill(pid, SIGCONT);
    ck_assert_int_lt(took_ms, 4000);
    insert_row();
    eventually(rows() == 0);
    ck_assert_int_eq(atomic_load(&delivered), ended);
}
END_TEST

int main(void)
{
    test_db_create();
    const struct suite_case cases[] = {{relay__looks_at_its_table_while_new_rows_keep_coming, 1},
                                       {stop__takes_a_last_look_at_what_is_due, 1},
                                       {stop__leaves_what_is_not_due, 1},
                                       {stop__does_not_wait_for_a_frozen_database, 1},
                                       {deliver__answers_each_question_for_free_slots, 1},
                                       {deliver__ends_in_time_and_for_good_though_the_database_is_frozen, 1}};
    int status = suite_run_with("outbox", cases, sizeof cases / sizeof cases[0], setup, teardown);
    test_db_drop();
    return status;
}
