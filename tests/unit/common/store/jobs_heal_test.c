/* SPDX-License-Identifier: Apache-2.0 */
/* Taking back, scanning, and what the stream is, on a real Postgres. */
#include "tests/unit/common/store/jobs_kit.h"

/* ---- healing -------------------------------------------------------------------------------- */

/* A worker whose connection has closed, seen missing a while ago. */
static void lose_worker(void)
{
    ck_assert_int_eq(worker_store_register(db, worker.text, "scout", "here", &err), E_OK);
    test_db_exec(db,
                 "UPDATE workers SET backend_pid = 1, missing_since = clock_timestamp() - interval '1 s'");
}

static int64_t take_back(void)
{
    int64_t moved = -1;
    ck_assert_int_eq(job_store_take_back(db, arena, LEASE_MS, &moved, &err), E_OK);
    return moved;
}

START_TEST(take_back__takes_nothing_from_the_living)
{
    const char *id = accept();
    ck_assert_int_eq(worker_store_register(db, worker.text, "scout", "here", &err), E_OK);
    claim(id);
    ck_assert_int_eq(take_back(), 0);
    assert_status(id, "Running");
}
END_TEST

START_TEST(take_back__charges_a_job_that_was_isolated)
{
    const char *id = accept();
    claim(id);
    lose_worker();
    ck_assert_int_eq(take_back(), 1);
    ck_assert_str_eq(column(id, "attempts"), "1");
    ck_assert_int_eq(claim(id).attempts, 2);
}
END_TEST

START_TEST(take_back__forgives_jobs_in_flight_together_and_isolates_each_from_then_on)
{
    const char *ids[2] = {accept(), accept()};
    struct job_claim *claims = NULL;
    ck_assert_uint_eq(claim_many(ids, 2, &claims), 2);
    lose_worker();
    ck_assert_int_eq(take_back(), 2);
    ck_assert_str_eq(column(ids[0], "attempts"), "0");
    ck_assert_uint_eq(claim_many(ids, 2, &claims), 0);
    ck_assert_int_eq(claim(ids[0]).attempts, 1);
}
END_TEST

START_TEST(take_back__blames_the_newcomer_in_quarantine)
{
    const char *old = accept();
    const char *young = accept();
    claim(old);
    test_db_exec(db, "UPDATE jobs SET started_at = now() - interval '1 minute'");
    char sql[128];
    snprintf(sql, sizeof sql, "UPDATE jobs SET alone = true WHERE job_id = '%s'", young);
    test_db_exec(db, sql);
    claim(young);
    lose_worker();
    ck_assert_int_eq(take_back(), 2);
    ck_assert_str_eq(column(old, "attempts"), "0");
    ck_assert_str_eq(column(young, "attempts"), "1");
}
END_TEST

START_TEST(take_back__gives_up_a_job_that_kills_its_workers)
{
    const char *id = accept();
    for (int crash = 1; crash <= JOB_MAX_ATTEMPTS; crash++)
    {
        assert_status(id, "Pending");
        claim(id);
        lose_worker();
        ck_assert_int_eq(take_back(), 1);
        test_db_exec(db, "DELETE FROM workers");
    }
    assert_status(id, "Failed");
    ck_assert_str_eq(column(id, "reason"), "exhausted");
    ck_assert_int_eq(count("SELECT count(*) FROM dead_letters"), 1);
}
END_TEST

START_TEST(take_back__wants_a_lease_of_quiet_before_it_trusts_leases)
{
    const char *id = accept();
    claim(id);
    test_db_exec(db, "UPDATE jobs SET lease_until = clock_timestamp() - interval '1 s'");
    ck_assert_int_eq(take_back(), 0); /* this connection is younger than a lease */
    assert_status(id, "Running");
}
END_TEST

static int64_t scan(const char *stream, int64_t delivered, int64_t acked)
{
    const struct job_consumer scout = {
        .worker = "scout", .priority = JOB_NORMAL, .delivered_seq = delivered, .acked_seq = acked};
    const struct job_stream position = {
        .stream = stream, .ack_wait_ms = 30000, .consumers = &scout, .count = 1};
    struct job_scan step = {.woken = -1};
    ck_assert_int_eq(job_store_scan(db, arena, &position, &step, &err), E_OK);
    ck_assert_str_eq(step.before, "");
    return step.woken;
}

/* A job that was published as message 5 of stream "s#0", a minute ago. */
static void published(void)
{
    test_db_exec(db, "UPDATE jobs SET run_at = now() - interval '1 minute'");
    test_db_exec(db, "INSERT INTO relay_batches (stream, min_wake, max_wake, max_seq)"
                     " SELECT 's#0', min(id), max(id), 5 FROM outgoing");
    test_db_exec(db, "DELETE FROM outgoing");
}

START_TEST(scan__never_republishes_a_backlog)
{
    accept();
    ck_assert_int_eq(scan("s#0", 0, 0), 0); /* still in the outbox */
    published();
    ck_assert_int_eq(scan("s#0", 4, 3), 0); /* still in the stream */
    ck_assert_int_eq(scan("s#0", 5, 4), 0); /* delivered just now: being claimed */
}
END_TEST

START_TEST(scan__wakes_what_the_stream_has_lost)
{
    accept();
    published();
    ck_assert_int_eq(scan("s#0", 5, 5), 1); /* acknowledged and yet pending */
    ck_assert_int_eq(scan("s#0", 5, 5), 0); /* the new wake-up is in the outbox */
    ck_assert_int_eq(count("SELECT count(*) FROM outgoing WHERE epoch = 2"), 1);
}
END_TEST

START_TEST(scan__wakes_everything_of_a_stream_that_is_gone)
{
    accept();
    published();
    ck_assert_int_eq(scan("s#1", 0, 0), 1);
}
END_TEST

START_TEST(scan__goes_through_the_table_in_steps)
{
    const struct job_consumer scout = {.worker = "scout", .priority = JOB_NORMAL};
    const struct job_stream stream = {.stream = "s#1", .ack_wait_ms = 30000, .consumers = &scout, .count = 1};
    struct job_scan step = {.woken = 0};
    test_db_exec(db,
                 "INSERT INTO jobs (job_id, kind, worker, user_id, run_at)"
                 " SELECT gen_random_uuid(), 'noop', 'scout', '" ID_SYSTEM_USER "', now() - interval '1 hour'"
                 " FROM generate_series(1, 20001)");
    ck_assert_int_eq(job_store_scan(db, arena, &stream, &step, &err), E_OK);
    ck_assert_int_eq(step.woken, JOB_SCAN_STEP);
    ck_assert_str_ne(step.before, "");
    ck_assert_int_eq(job_store_scan(db, arena, &stream, &step, &err), E_OK);
    ck_assert_int_eq(step.woken, 1);
    ck_assert_str_eq(step.before, "");
}
END_TEST

START_TEST(scan__gives_a_running_job_that_no_claim_names_a_new_record)
{
    const char *id = accept();
    claim(id);
    test_db_exec(db, "DELETE FROM claims");
    test_db_exec(db, "UPDATE jobs SET lease_until = clock_timestamp() - interval '1 minute'");
    scan("s#0", 0, 0);
    scan("s#0", 0, 0);
    ck_assert_int_eq(count("SELECT count(*) FROM claims"), 1);
    lose_worker();
    ck_assert_int_eq(take_back(), 1);
    assert_status(id, "Pending");
}
END_TEST

START_TEST(claims__go_when_their_jobs_have_ended)
{
    struct job_claim one = claim(accept());
    ck_assert_int_eq(count("SELECT count(*) FROM claims"), 1);
    test_db_exec(db, "UPDATE claims SET at = now() - interval '1 hour'");
    ck_assert_int_eq(job_store_tidy_claims(db, arena, LEASE_MS, &err), E_OK);
    ck_assert_int_eq(count("SELECT count(*) FROM claims"), 1); /* it runs */
    ck_assert_int_eq(job_store_forget_claims(db, arena, &one.note, 1, &err), E_OK);
    ck_assert_int_eq(count("SELECT count(*) FROM claims"), 0);
    one = claim(accept());
    ck_assert(settle_as(&one, JOB_FINISH, NULL));
    ck_assert_int_eq(job_store_tidy_claims(db, arena, LEASE_MS, &err), E_OK);
    ck_assert_int_eq(count("SELECT count(*) FROM claims"), 1); /* young: its worker removes it */
    test_db_exec(db, "UPDATE claims SET at = now() - interval '1 hour'");
    ck_assert_int_eq(job_store_tidy_claims(db, arena, LEASE_MS, &err), E_OK);
    ck_assert_int_eq(count("SELECT count(*) FROM claims"), 0);
}
END_TEST

/* An index on one of these would make every move of every job twice as dear (docs/adr/0008). */
START_TEST(moves__stay_on_the_page)
{
    ck_assert_int_eq(
        count(
            "SELECT count(*) FROM pg_depend d JOIN pg_index i ON i.indexrelid = d.objid"
            " JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid"
            " WHERE d.classid = 'pg_class'::regclass AND i.indrelid = 'jobs'::regclass AND a.attname = ANY ("
            "'{status,attempts,fence,epoch,wake,worker_id,lease_until,run_at,reason,detail,progress,"
            "checkpoint,"
            "started_at,finished_at,alone}')"),
        0);
    for (int i = 0; i < 20; i++)
    {
        struct job_claim one = claim(accept());
        ck_assert(settle_as(&one, JOB_FINISH, NULL));
    }
    test_db_exec(db, "SELECT pg_stat_force_next_flush()");
    ck_assert_int_ge(
        count("SELECT n_tup_hot_upd * 100 / n_tup_upd FROM pg_stat_user_tables WHERE relname = 'jobs'"), 80);
}
END_TEST

static enum err_code incarnation(const char *created, int64_t last_seq, struct outbox_stream *stream)
{
    int64_t known_seq = 0;
    ck_assert_int_eq(outbox_store_known_seq(db, created, &known_seq, &err), E_OK);
    return outbox_store_incarnation(db, arena, created, last_seq, known_seq, stream, &err);
}

START_TEST(incarnation__changes_with_the_stream_and_when_it_is_set_back)
{
    struct outbox_stream stream;
    accept();
    test_db_exec(db, "DELETE FROM stream_state");
    ck_assert_int_eq(incarnation("s", 10, &stream), E_OK);
    ck_assert_str_eq(stream.incarnation, "s#0");
    published();
    ck_assert_int_eq(incarnation("s", 5, &stream), E_OK);
    ck_assert_str_eq(stream.incarnation, "s#0");
    ck_assert_int_eq(incarnation("s", 4, &stream), E_OK);
    ck_assert_str_eq(stream.incarnation, "s#1");
    ck_assert_int_eq(incarnation("t", 0, &stream), E_OK);
    ck_assert_str_eq(stream.incarnation, "t#0");
}
END_TEST

int main(void)
{
    test_db_create();
    const struct suite_case cases[] = {
        {take_back__takes_nothing_from_the_living, 1},
        {take_back__charges_a_job_that_was_isolated, 1},
        {take_back__forgives_jobs_in_flight_together_and_isolates_each_from_then_on, 1},
        {take_back__blames_the_newcomer_in_quarantine, 1},
        {take_back__gives_up_a_job_that_kills_its_workers, 1},
        {take_back__wants_a_lease_of_quiet_before_it_trusts_leases, 1},
        {scan__never_republishes_a_backlog, 1},
        {scan__wakes_what_the_stream_has_lost, 1},
        {scan__wakes_everything_of_a_stream_that_is_gone, 1},
        {scan__goes_through_the_table_in_steps, 1},
        {scan__gives_a_running_job_that_no_claim_names_a_new_record, 1},
        {claims__go_when_their_jobs_have_ended, 1},
        {moves__stay_on_the_page, 1},
        {incarnation__changes_with_the_stream_and_when_it_is_set_back, 1},
    };
    int status = suite_run_with("jobs_heal", cases, sizeof cases / sizeof cases[0], setup, teardown);
    test_db_drop();
    return status;
}
