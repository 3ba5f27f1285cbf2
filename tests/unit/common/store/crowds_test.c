/* SPDX-License-Identifier: Apache-2.0 */
/* Wake-ups of jobs that were accepted together, on a real Postgres: a job has its wake-up until it is claimed
 * or its message is confirmed, whatever happens to the rest of its crowd. */
#include "tests/unit/common/store/jobs_kit.h"

enum
{
    CROWD = 2 * JOB_CROWD_ROW + 10
};

static struct job_new jobs[CROWD];

static void setup_crowd(void)
{
    setup();
    test_db_exec(db, "TRUNCATE crowds, job_limits, job_windows");
    for (int i = 0; i < CROWD; i++)
        jobs[i] = new_job();
}

static void accept_all(void)
{
    ck_assert_int_eq(job_store_accept_telling(db, arena, jobs, CROWD, &err), E_OK);
}

static size_t bring(int64_t max, struct job_claim **claims)
{
    const struct job_claimer claimer = {.worker_id = worker.text, .worker = "scout", .lease_ms = LEASE_MS};
    const struct job_bring ask = {.subjects = "sokoul.jobs.scout.%", .max = max};
    size_t n = 0;
    ck_assert_int_eq(job_store_bring_crowd(db, arena, &claimer, &ask, claims, &n, &err), E_OK);
    return n;
}

static size_t take(const struct outbox_ask *ask, struct outbox_row **rows)
{
    size_t n = 0;
    size_t taken = 0;
    ck_assert_int_eq(outbox_store_take_crowds(db, arena, ask, rows, &n, &taken, &err), E_OK);
    ck_assert_uint_eq(taken, n);
    return n;
}

/* Jobs that wait, and have a wake-up where the relay looks for one. */
#define IN_CROWDS                                                                                            \
    "SELECT count(*) FROM jobs j WHERE status = 'Pending' AND EXISTS (SELECT 1 FROM crowds c"                \
    " WHERE c.wake = j.wake AND j.job_id = ANY (c.job_ids))"
#define IN_OUTBOX                                                                                            \
    "SELECT count(*) FROM jobs j JOIN outbox o ON o.id = j.wake AND o.job_id = j.job_id AND o.epoch = "      \
    "j.epoch"                                                                                                \
    " AND o.subject = 'sokoul.jobs.scout.noop' WHERE status = 'Pending'"

/* ---- accepting ------------------------------------------------------------------------------ */

START_TEST(accept__gives_a_crowd_rows_together)
{
    accept_all();
    ck_assert_int_eq(count("SELECT count(*) FROM crowds"), 3);
    ck_assert_int_eq(count("SELECT count(DISTINCT wake) FROM crowds"), 1);
    ck_assert_int_eq(count("SELECT max(cardinality(job_ids)) FROM crowds"), JOB_CROWD_ROW);
    ck_assert_int_eq(count(IN_CROWDS), CROWD);
    ck_assert_int_eq(count("SELECT count(*) FROM outbox"), 0);
    struct job_counts counts;
    ck_assert_int_eq(job_store_counts(db, &counts, &err), E_OK);
    ck_assert_int_eq(counts.outbox, CROWD);
}
END_TEST

static void make_urgent(struct job_new *job)
{
    job->priority = JOB_HIGH;
}

static void make_late(struct job_new *job)
{
    job->run_at_ms = clock_wall_ms() + 1000;
}

static void make_foreign(struct job_new *job)
{
    job->worker = "hunter";
}

static void make_unique_for_a_while(struct job_new *job)
{
    job->unique_key = "k";
    job->unique_s = 5;
}

static void make_bounded(struct job_new *job)
{
    job->deadline_at_ms = clock_wall_ms() + 60000;
}

static void make_a_child(struct job_new *job)
{
    job->parent_id = jobs[0].job_id;
}

static void make_of_another_request(struct job_new *job)
{
    job->request_id = "another";
}

static void (*const others[])(struct job_new *job) = {
    make_urgent,  make_late,    make_foreign,           make_unique_for_a_while,
    make_bounded, make_a_child, make_of_another_request};

START_TEST(accept__gives_each_a_row_if_one_is_not_like_the_others)
{
    others[_i](&jobs[CROWD / 2]);
    accept_all();
    ck_assert_int_eq(count("SELECT count(*) FROM crowds"), 0);
    ck_assert_int_eq(count("SELECT count(*) FROM jobs JOIN outbox o ON o.id = wake"), CROWD);
}
END_TEST

START_TEST(accept__keeps_what_is_each_ones_own)
{
    jobs[3].unique_key = "k";
    jobs[3].payload = "{\"n\":3}";
    jobs[4].payload = NULL;
    jobs[5].payload = "{\"n\":5}";
    for (int i = 0; i < CROWD; i++)
    {
        jobs[i].request_id = "r1";
        jobs[i].deadline_at_ms = 4102444800000; /* 2100 */
    }
    accept_all();
    ck_assert_int_eq(count(IN_CROWDS), CROWD);
    ck_assert_str_eq(column(jobs[3].job_id, "payload"), "{\"n\":3}");
    ck_assert_str_eq(column(jobs[4].job_id, "payload"), "{}");
    ck_assert_str_eq(column(jobs[5].job_id, "payload"), "{\"n\":5}");
    ck_assert_int_eq(count("SELECT count(*) FROM jobs JOIN job_windows USING (job_id, kind, unique_key)"), 1);
    ck_assert_int_eq(count("SELECT count(*) FROM jobs WHERE unique_key IS NOT NULL"), 1);
    ck_assert_int_eq(
        count("SELECT count(*) FROM jobs WHERE request_id = 'r1' AND worker = 'scout'"
              " AND priority = 'normal' AND run_at = created_at AND deadline_at = '2100-01-01Z'"),
        CROWD);
}
END_TEST

START_TEST(accept__refuses_a_crowd_whole_for_one_key_that_is_taken)
{
    jobs[3].unique_key = "k";
    accept_all();
    for (int i = 0; i < CROWD; i++)
        jobs[i] = new_job();
    jobs[7].unique_key = "k";
    ck_assert_int_eq(job_store_accept_telling(db, arena, jobs, CROWD, &err), E_CONFLICT);
    ck_assert_int_eq(count(IN_CROWDS), CROWD);
}
END_TEST

/* ---- to the worker of the same process ------------------------------------------------------- */

START_TEST(bring__claims_whole_rows_and_leaves_the_others)
{
    struct job_claim *claims = NULL;
    accept_all();
    ck_assert_uint_eq(bring(JOB_CROWD_ROW + 20, &claims), JOB_CROWD_ROW);
    ck_assert_str_eq(claims[0].kind, "noop");
    ck_assert_int_eq(count("SELECT count(*) FROM jobs WHERE status = 'Running'"), JOB_CROWD_ROW);
    ck_assert_int_eq(count("SELECT cardinality(job_ids) FROM claims"), JOB_CROWD_ROW);
    ck_assert_int_eq(count(IN_CROWDS), CROWD - JOB_CROWD_ROW);
    ck_assert_uint_eq(bring(256, &claims), CROWD - JOB_CROWD_ROW);
    ck_assert_uint_eq(bring(256, &claims), 0);
    ck_assert_int_eq(count("SELECT count(*) FROM crowds"), 0);
    ck_assert_int_eq(count("SELECT count(*) FROM outbox"), 0);
}
END_TEST

START_TEST(bring__makes_rows_of_what_there_is_no_room_for)
{
    struct job_claim *claims = NULL;
    accept_all();
    ck_assert_uint_eq(bring(5, &claims), 5);
    ck_assert_int_eq(count(IN_OUTBOX), JOB_CROWD_ROW - 5);
    ck_assert_int_eq(count("SELECT count(*) FROM outbox"), JOB_CROWD_ROW - 5);
    ck_assert_int_eq(count(IN_CROWDS), CROWD - JOB_CROWD_ROW);
}
END_TEST

/* Its next wake-up is another one's business: it is over, it runs, or it has been woken since. */
START_TEST(bring__makes_no_row_of_what_does_not_wait_for_this_one)
{
    struct job_claim *claims = NULL;
    accept_all();
    ck_assert_int_eq(job_store_cancel(db, arena, jobs[0].job_id, NULL, &err), E_OK);
    claim(jobs[1].job_id);
    struct job_claim again = claim(jobs[2].job_id);
    ck_assert(settle_as(&again, JOB_HAND_BACK, "shutdown"));
    test_db_exec(db, "INSERT INTO job_limits (kind, max_running) VALUES ('noop', 1)");
    ck_assert_uint_eq(bring(JOB_CROWD_ROW, &claims), 0);
    ck_assert_int_eq(count(IN_OUTBOX), JOB_CROWD_ROW - 2);
    ck_assert_int_eq(count("SELECT count(*) FROM outbox"), JOB_CROWD_ROW - 2);
}
END_TEST

START_TEST(bring__takes_only_what_is_its_own_and_old_enough)
{
    const struct job_claimer claimer = {.worker_id = worker.text, .worker = "scout", .lease_ms = LEASE_MS};
    const struct job_bring wrong[] = {{.subjects = "sokoul.jobs.hunter.%", .max = 256},
                                      {.subjects = "sokoul.jobs.scout.%", .max = 256, .hold_ms = 60000}};
    struct job_claim *claims = NULL;
    size_t n = 1;
    accept_all();
    for (int i = 0; i < 2; i++)
    {
        ck_assert_int_eq(job_store_bring_crowd(db, arena, &claimer, &wrong[i], &claims, &n, &err), E_OK);
        ck_assert_uint_eq(n, 0);
    }
    ck_assert_int_eq(count(IN_CROWDS), CROWD);
}
END_TEST

/* ---- to the broker --------------------------------------------------------------------------- */

START_TEST(take__answers_what_the_messages_are_made_of)
{
    struct outbox_row *rows = NULL;
    struct envelope envelope;
    accept_all();
    ck_assert_uint_eq(take(&(struct outbox_ask){.max = 1000}, &rows), CROWD);
    ck_assert_int_eq(count("SELECT count(*) FROM crowds"), 0);
    ck_assert(rows[0].crowd);
    ck_assert_int_eq(rows[0].id, count("SELECT max(wake) FROM jobs"));
    ck_assert_int_eq(rows[0].epoch, 1);
    ck_assert_str_eq(rows[0].subject, "sokoul.jobs.scout.noop");
    ck_assert_int_eq(envelope_decode(arena, rows[9].body, strlen(rows[9].body), &envelope, &err), E_OK);
    ck_assert_str_eq(envelope.job_id, rows[9].job_id);
}
END_TEST

START_TEST(take__holds_back_what_a_worker_may_still_fetch)
{
    struct outbox_row *rows = NULL;
    accept_all();
    ck_assert_uint_eq(
        take(&(struct outbox_ask){.max = 1000, .hold_ms = 60000, .own = "sokoul.jobs.hunter.%"}, &rows), 0);
    ck_assert_uint_eq(take(&(struct outbox_ask){.max = 1000, .except = "sokoul.jobs.scout.%"}, &rows), 0);
    ck_assert_uint_eq(
        take(&(struct outbox_ask){.max = 1, .hold_ms = 60000, .own = "sokoul.jobs.scout.%"}, &rows),
        JOB_CROWD_ROW);
}
END_TEST

START_TEST(spread__makes_rows_of_what_was_not_sent)
{
    const int64_t gone = 1;
    accept_all();
    const int64_t wake = count("SELECT max(wake) FROM jobs");
    const char *sent[] = {jobs[0].job_id, jobs[1].job_id, jobs[CROWD - 1].job_id};
    ck_assert_int_eq(job_store_cancel(db, arena, jobs[2].job_id, NULL, &err), E_OK);
    ck_assert_int_eq(outbox_store_spread(db, arena, &gone, 1, sent, 3, &err), E_OK);
    ck_assert_int_eq(count(IN_CROWDS), CROWD - 1);
    ck_assert_int_eq(outbox_store_spread(db, arena, &wake, 1, sent, 3, &err), E_OK);
    ck_assert_int_eq(count("SELECT count(*) FROM crowds"), 0);
    ck_assert_int_eq(count(IN_OUTBOX), CROWD - 4);
    ck_assert_int_eq(count("SELECT count(*) FROM outbox"), CROWD - 4);
}
END_TEST

/* ---- healing --------------------------------------------------------------------------------- */

static int64_t sweep(void)
{
    const struct job_consumer scout = {.worker = "scout", .priority = JOB_NORMAL};
    const struct job_stream stream = {
        .stream = "gone", .ack_wait_ms = 30000, .consumers = &scout, .count = 1};
    struct job_scan step = {.woken = 0};
    ck_assert_int_eq(job_store_scan(db, arena, &stream, &step, &err), E_OK);
    return step.woken;
}

START_TEST(sweep__wakes_what_has_lost_its_crowd_and_nobody_else)
{
    accept_all();
    test_db_exec(db, "UPDATE jobs SET run_at = now() - interval '1 minute'");
    ck_assert_int_eq(sweep(), 0);
    test_db_exec(db, "UPDATE crowds SET job_ids = job_ids[2:] WHERE part = 0");
    ck_assert_int_eq(sweep(), 1);
    test_db_exec(db, "DELETE FROM crowds WHERE part = 1");
    ck_assert_int_eq(sweep(), JOB_CROWD_ROW);
    ck_assert_int_eq(count("SELECT count(*) FROM jobs JOIN outbox o ON o.id = wake AND o.epoch = 2"),
                     JOB_CROWD_ROW + 1);
}
END_TEST

int main(void)
{
    test_db_create();
    const struct suite_case cases[] = {
        {accept__gives_a_crowd_rows_together, 1},
        {accept__gives_each_a_row_if_one_is_not_like_the_others, sizeof others / sizeof others[0]},
        {accept__keeps_what_is_each_ones_own, 1},
        {accept__refuses_a_crowd_whole_for_one_key_that_is_taken, 1},
        {bring__claims_whole_rows_and_leaves_the_others, 1},
        {bring__makes_rows_of_what_there_is_no_room_for, 1},
        {bring__makes_no_row_of_what_does_not_wait_for_this_one, 1},
        {bring__takes_only_what_is_its_own_and_old_enough, 1},
        {take__answers_what_the_messages_are_made_of, 1},
        {take__holds_back_what_a_worker_may_still_fetch, 1},
        {spread__makes_rows_of_what_was_not_sent, 1},
        {sweep__wakes_what_has_lost_its_crowd_and_nobody_else, 1},
    };
    int status = suite_run_with("crowds", cases, sizeof cases / sizeof cases[0], setup_crowd, teardown);
    test_db_drop();
    return status;
}
