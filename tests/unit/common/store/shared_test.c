/* SPDX-License-Identifier: Apache-2.0 */
/* Wake-ups that jobs share which were accepted together, on a real Postgres: a job has its wake-up until it
 * is claimed or its message is confirmed, whatever happens to the others of its row. */
#include "tests/unit/common/store/jobs_kit.h"

enum
{
    MANY = 2 * JOB_ROW_MAX + 10
};

static struct job_new jobs[MANY];

static void setup_many(void)
{
    setup();
    test_db_exec(db, "TRUNCATE job_limits, job_windows");
    for (int i = 0; i < MANY; i++)
        jobs[i] = new_job();
}

static void accept_all(void)
{
    ck_assert_int_eq(job_store_accept_telling(db, arena, jobs, MANY, &err), E_OK);
}

static void accept_singles(int n, enum job_priority priority)
{
    for (int i = 0; i < n; i++)
    {
        struct job_new job = new_job();
        job.priority = priority;
        ck_assert_int_eq(job_store_accept(db, arena, &job, 1, &err), E_OK);
    }
}

static size_t claim_local(const struct job_local *asked, struct job_claim **claims)
{
    const struct job_claimer claimer = {.worker_id = worker.text, .worker = "scout", .lease_ms = LEASE_MS};
    struct job_local ask = *asked;
    struct job_claims got = {.count = 0};
    if (ask.subjects == NULL)
        ask.subjects = "sokoul.jobs.scout.%";
    if (ask.max_first == 0)
        ask.max_first = ask.max;
    ck_assert_int_eq(job_store_claim_local(db, arena, &claimer, &ask, &got, &err), E_OK);
    *claims = got.list;
    return got.count;
}

static size_t claim_most(int64_t max, struct job_claim **claims)
{
    return claim_local(&(struct job_local){.max = max}, claims);
}

static struct outbox_taken take(const struct outbox_ask *ask)
{
    struct outbox_taken taken;
    ck_assert_int_eq(outbox_store_take(db, arena, ask, &taken, &err), E_OK);
    return taken;
}

/* Jobs that wait, and have a wake-up where the relay looks for one. */
#define WOKEN(part)                                                                                          \
    "SELECT count(*) FROM jobs j WHERE status = 'Pending' AND EXISTS (SELECT 1 FROM outgoing o"              \
    " WHERE o.id = j.wake AND j.job_id = ANY (o.job_ids) AND o.epoch = j.epoch AND o.part " part             \
    " AND o.subject LIKE 'sokoul.jobs.scout.noop%')"
#define SHARED WOKEN("> 0")
#define SINGLE WOKEN("= 0")
#define IN_ROWS "SELECT coalesce(sum(cardinality(job_ids)), 0) FROM outgoing"

/* ---- accepting ------------------------------------------------------------------------------ */

START_TEST(accept__gives_many_that_are_alike_rows_together)
{
    accept_all();
    ck_assert_int_eq(count("SELECT count(*) FROM outgoing"), 3);
    ck_assert_int_eq(count("SELECT count(DISTINCT id) FROM outgoing"), 3);
    ck_assert_int_eq(count("SELECT max(cardinality(job_ids)) FROM outgoing"), JOB_ROW_MAX);
    ck_assert_int_eq(count(SHARED), MANY);
    ck_assert_int_eq(count(IN_ROWS), MANY);
    struct job_counts counts;
    ck_assert_int_eq(job_store_counts(db, &counts, &err), E_OK);
    ck_assert_int_eq(counts.outbox, MANY);
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
    others[_i](&jobs[MANY / 2]);
    accept_all();
    ck_assert_int_eq(count("SELECT count(*) FROM outgoing WHERE part > 0"), 0);
    ck_assert_int_eq(
        count("SELECT count(*) FROM jobs JOIN outgoing ON id = wake AND job_ids = ARRAY[job_id]"), MANY);
}
END_TEST

START_TEST(accept__keeps_what_is_each_ones_own)
{
    jobs[3].unique_key = "k";
    jobs[3].payload = "{\"n\":3}";
    jobs[4].payload = NULL;
    jobs[5].payload = "{\"n\":5}";
    for (int i = 0; i < MANY; i++)
    {
        jobs[i].request_id = "r1";
        jobs[i].deadline_at_ms = 4102444800000; /* 2100 */
    }
    accept_all();
    ck_assert_int_eq(count(SHARED), MANY);
    ck_assert_str_eq(column(jobs[3].job_id, "payload"), "{\"n\":3}");
    ck_assert_str_eq(column(jobs[4].job_id, "payload"), "{}");
    ck_assert_str_eq(column(jobs[5].job_id, "payload"), "{\"n\":5}");
    ck_assert_int_eq(count("SELECT count(*) FROM jobs JOIN job_windows USING (job_id, kind, unique_key)"), 1);
    ck_assert_int_eq(count("SELECT count(*) FROM jobs WHERE unique_key IS NOT NULL"), 1);
    ck_assert_int_eq(
        count("SELECT count(*) FROM jobs WHERE request_id = 'r1' AND worker = 'scout'"
              " AND priority = 'normal' AND run_at = created_at AND deadline_at = '2100-01-01Z'"),
        MANY);
}
END_TEST

START_TEST(accept__refuses_all_for_one_key_that_is_taken)
{
    jobs[3].unique_key = "k";
    accept_all();
    for (int i = 0; i < MANY; i++)
        jobs[i] = new_job();
    jobs[7].unique_key = "k";
    ck_assert_int_eq(job_store_accept_telling(db, arena, jobs, MANY, &err), E_CONFLICT);
    ck_assert_int_eq(count(SHARED), MANY);
}
END_TEST

/* ---- to the worker of the same process ------------------------------------------------------- */

START_TEST(claim__takes_whole_rows_and_leaves_the_others)
{
    struct job_claim *claims = NULL;
    accept_all();
    ck_assert_uint_eq(claim_most(JOB_ROW_MAX + 20, &claims), JOB_ROW_MAX);
    ck_assert_str_eq(claims[0].kind, "noop");
    ck_assert_int_eq(count("SELECT count(*) FROM jobs WHERE status = 'Running'"), JOB_ROW_MAX);
    ck_assert_int_eq(count("SELECT cardinality(job_ids) FROM claims"), JOB_ROW_MAX);
    ck_assert_int_eq(count(SHARED), MANY - JOB_ROW_MAX);
    ck_assert_uint_eq(claim_most(256, &claims), MANY - JOB_ROW_MAX);
    ck_assert_uint_eq(claim_most(256, &claims), 0);
    ck_assert_int_eq(count("SELECT count(*) FROM outgoing"), 0);
}
END_TEST

START_TEST(claim__leaves_in_the_row_what_there_is_no_room_for)
{
    struct job_claim *claims = NULL;
    accept_all();
    ck_assert_uint_eq(claim_most(5, &claims), 5);
    ck_assert_int_eq(count("SELECT count(*) FROM outgoing"), 3);
    ck_assert_int_eq(count(SHARED), MANY - 5);
    ck_assert_int_eq(count(IN_ROWS), MANY - 5);
    ck_assert_uint_eq(claim_most(JOB_ROW_MAX - 5, &claims), JOB_ROW_MAX - 5);
    ck_assert_int_eq(count("SELECT count(*) FROM outgoing"), 2);
}
END_TEST

/* Its next wake-up is another one's business: it is over, it runs, or it has been woken since. */
START_TEST(claim__leaves_in_the_row_only_what_waits_for_it)
{
    struct job_claim *claims = NULL;
    accept_all();
    ck_assert_int_eq(job_store_cancel(db, arena, jobs[10].job_id, NULL, &err), E_OK);
    claim(jobs[11].job_id);
    struct job_claim again = claim(jobs[12].job_id);
    ck_assert(settle_as(&again, JOB_HAND_BACK, "shutdown"));
    ck_assert_uint_eq(claim_most(5, &claims), 5);
    ck_assert_int_eq(count(SHARED), MANY - 5 - 3);
    ck_assert_int_eq(count("SELECT cardinality(job_ids) FROM outgoing WHERE part > 0 ORDER BY id LIMIT 1"),
                     JOB_ROW_MAX - 5 - 3);
    ck_assert_int_eq(count(SINGLE), 1);
}
END_TEST

/* Rows of a kind with a limit are for the broker, and keep nobody from what stands behind them. */
START_TEST(claim__steps_around_kinds_with_a_limit)
{
    struct job_claim *claims = NULL;
    accept_all();
    for (int i = 0; i < MANY; i++)
    {
        jobs[i] = new_job();
        jobs[i].kind = "search";
    }
    accept_all();
    test_db_exec(db, "INSERT INTO job_limits (kind, max_running) VALUES ('noop', 1)");
    ck_assert_uint_eq(claim_most(JOB_ROW_MAX, &claims), JOB_ROW_MAX);
    ck_assert_str_eq(claims[0].kind, "search");
    ck_assert_int_eq(count(SHARED), MANY);
}
END_TEST

START_TEST(claim__leaves_an_isolated_job_in_its_row)
{
    struct job_claim *claims = NULL;
    accept_all();
    test_db_exec(db,
                 "UPDATE jobs SET alone = true WHERE job_id = (SELECT min(job_id::text)::uuid FROM jobs)");
    ck_assert_uint_eq(claim_most(256, &claims), MANY - 1);
    ck_assert_int_eq(count(SHARED), 1);
    ck_assert_int_eq(count(IN_ROWS), 1);
    ck_assert_uint_eq(claim_most(256, &claims), 0);
    ck_assert_int_eq(count(SHARED), 1);
}
END_TEST

START_TEST(claim__removes_rows_that_wake_nobody)
{
    struct job_claim *claims = NULL;
    accept_all();
    test_db_exec(db, "UPDATE jobs SET wake = nextval('outbox_id_seq')");
    ck_assert_uint_eq(claim_most(256, &claims), MANY);
    accept_singles(1, JOB_NORMAL);
    test_db_exec(db, "UPDATE jobs SET status = 'Failed', reason = 'cancelled' WHERE status = 'Pending'");
    ck_assert_uint_eq(claim_most(256, &claims), 0);
    ck_assert_int_eq(count("SELECT count(*) FROM outgoing"), 0);
}
END_TEST

START_TEST(claim__takes_only_what_is_its_own_and_old_enough)
{
    const struct job_local wrong[] = {{.subjects = "sokoul.jobs.hunter.%", .max = 256},
                                      {.max = 256, .age_ms = 60000}};
    struct job_claim *claims = NULL;
    accept_all();
    for (int i = 0; i < 2; i++)
        ck_assert_uint_eq(claim_local(&wrong[i], &claims), 0);
    ck_assert_int_eq(count(SHARED), MANY);
}
END_TEST

static int64_t running(const char *priority)
{
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM jobs WHERE status = 'Running' AND priority = '%s'",
             priority);
    return count(sql);
}

START_TEST(claim__takes_no_few_unless_it_is_told_to)
{
    struct job_claim *claims = NULL;
    accept_singles(5, JOB_NORMAL);
    accept_singles(9, JOB_LOW);
    ck_assert_uint_eq(claim_local(&(struct job_local){.max = 256, .least = 5}, &claims), 0);
    ck_assert_uint_eq(claim_local(&(struct job_local){.max = 3, .least = 4}, &claims), 3);
    ck_assert_uint_eq(claim_local(&(struct job_local){.max = 256}, &claims), 2);
    ck_assert_int_eq(running("low"), 0);
    ck_assert_int_eq(count(SINGLE), 9);
}
END_TEST

/* Urgent ones, then those that share, then the others; and half of it for the others now and then. */
START_TEST(claim__shares_out_what_there_is_room_for)
{
    struct job_claim *claims = NULL;
    accept_all();
    accept_singles(20, JOB_NORMAL);
    accept_singles(3, JOB_HIGH);
    ck_assert_uint_eq(claim_local(&(struct job_local){.max = 10, .max_first = 5, .least = 32}, &claims), 10);
    ck_assert_int_eq(running("high"), 3);
    ck_assert_int_eq(count(SHARED), MANY - 2);
    ck_assert_int_eq(count(SINGLE), 20 - 5);
    ck_assert_uint_eq(claim_local(&(struct job_local){.max = 10, .least = 32}, &claims), 10);
    ck_assert_int_eq(count(SHARED), MANY - 12);
    ck_assert_uint_eq(claim_local(&(struct job_local){.max = 256}, &claims), MANY - 12 + 15);
    ck_assert_int_eq(count("SELECT count(*) FROM outgoing"), 0);
}
END_TEST

/* ---- to the broker --------------------------------------------------------------------------- */

START_TEST(take__answers_what_the_messages_are_made_of)
{
    struct envelope envelope;
    accept_all();
    const struct outbox_taken taken = take(&(struct outbox_ask){.max = 1000, .max_high = 1000});
    ck_assert_uint_eq(taken.count, MANY);
    ck_assert_int_eq(taken.jobs, MANY);
    ck_assert_int_eq(count("SELECT count(*) FROM outgoing"), 0);
    ck_assert_int_gt(taken.rows[0].part, 0);
    ck_assert_int_eq(taken.rows[0].id, count("SELECT min(wake) FROM jobs"));
    ck_assert_int_eq(taken.rows[0].epoch, 1);
    ck_assert_str_eq(taken.rows[0].subject, "sokoul.jobs.scout.noop");
    const struct outbox_row *row = &taken.rows[9];
    ck_assert_int_eq(envelope_decode(arena, row->body, strlen(row->body), &envelope, &err), E_OK);
    ck_assert_str_eq(envelope.job_id, row->job_id);
}
END_TEST

START_TEST(take__holds_back_what_a_worker_may_still_fetch)
{
    const struct outbox_ask none[] = {
        {.max = 1000, .max_high = 1000, .age_ms = 60000, .local = "sokoul.jobs.hunter.%"},
        {.max = 1000, .max_high = 1000, .except = "sokoul.jobs.scout.%"},
        {.max = 1000, .max_high = 1000, .local = "sokoul.jobs.scout.%", .shared_age_ms = 60000}};
    accept_all();
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        ck_assert_uint_eq(take(&none[i]).count, 0);
    const struct outbox_ask some[] = {
        {.max = 1, .max_high = 1, .age_ms = 60000, .local = "sokoul.jobs.scout.%"},
        {.max = 1, .max_high = 1, .local = "sokoul.jobs.hunter.%", .shared_age_ms = 60000},
        {.max = 1, .max_high = 1, .shared_age_ms = 60000}};
    for (size_t i = 0; i < sizeof some / sizeof some[0]; i++)
        ck_assert_uint_gt(take(&some[i]).count, 0);
}
END_TEST

/* That worker steps around it. */
START_TEST(take__holds_back_no_kind_with_a_limit)
{
    accept_all();
    test_db_exec(db, "INSERT INTO job_limits (kind, max_running) VALUES ('noop', 1)");
    ck_assert_uint_eq(
        take(&(struct outbox_ask){
                 .max = 1000, .max_high = 1000, .local = "sokoul.jobs.scout.%", .shared_age_ms = 60000})
            .count,
        MANY);
}
END_TEST

/* As many as were asked for, by the last row at most too many; rows of several jobs have a turn. */
START_TEST(take__counts_jobs_and_not_rows)
{
    accept_singles(40, JOB_NORMAL);
    accept_singles(2, JOB_HIGH);
    accept_all();
    struct outbox_taken taken = take(&(struct outbox_ask){.max = 10, .max_high = 10});
    ck_assert_uint_eq(taken.count, 10);
    ck_assert_str_eq(taken.rows[0].subject, "sokoul.jobs.scout.noop.high");
    ck_assert_str_eq(taken.rows[2].subject, "sokoul.jobs.scout.noop");
    taken = take(&(struct outbox_ask){.max = 10, .max_high = 0});
    ck_assert_uint_eq(taken.count, 10 + JOB_ROW_MAX);
    taken = take(&(struct outbox_ask){.max = 30, .max_high = 30});
    ck_assert_uint_eq(taken.count, 22 + JOB_ROW_MAX);
}
END_TEST

START_TEST(confirm__leaves_in_rows_what_was_not_sent)
{
    const struct outbox_row *sent[4];
    accept_all();
    accept_singles(1, JOB_NORMAL);
    test_db_exec(
        db,
        "INSERT INTO outgoing (subject, body) VALUES ('sokoul.events.x', '{}'), ('sokoul.events.y', '{}')");
    ck_assert_int_eq(db_begin(db, &err), E_OK);
    const struct outbox_taken taken = take(&(struct outbox_ask){.max = 1000, .max_high = 1000});
    db_rollback(db);
    ck_assert_uint_eq(taken.count, MANY + 3);
    sent[0] = &taken.rows[0];
    sent[1] = &taken.rows[MANY - 1];
    sent[2] = &taken.rows[MANY];
    sent[3] = &taken.rows[MANY + 1];
    ck_assert_ptr_null(sent[3]->job_id);
    ck_assert_int_eq(outbox_store_confirm(db, arena, sent, 4, &err), E_OK);
    ck_assert_int_eq(count(SHARED), MANY - 2);
    ck_assert_int_eq(count(IN_ROWS), MANY - 2);
    ck_assert_int_eq(count("SELECT count(*) FROM outgoing WHERE part = 0"), 1);
    for (size_t i = 0; i < 10; i++)
    {
        const struct outbox_row *last = &taken.rows[2 * JOB_ROW_MAX + i];
        ck_assert_int_eq(outbox_store_confirm(db, arena, &last, 1, &err), E_OK);
    }
    ck_assert_int_eq(count("SELECT count(*) FROM outgoing WHERE part > 0"), 2);
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

START_TEST(sweep__wakes_what_has_lost_its_row_and_nobody_else)
{
    accept_all();
    test_db_exec(db, "UPDATE jobs SET run_at = now() - interval '1 minute'");
    ck_assert_int_eq(sweep(), 0);
    test_db_exec(db, "UPDATE outgoing SET job_ids = job_ids[2:] WHERE id = (SELECT min(id) FROM outgoing)");
    ck_assert_int_eq(sweep(), 1);
    test_db_exec(db, "DELETE FROM outgoing WHERE part > 0 AND id = (SELECT max(wake) - 2 FROM jobs)");
    ck_assert_int_eq(sweep(), JOB_ROW_MAX);
    ck_assert_int_eq(count("SELECT count(*) FROM jobs JOIN outgoing o ON o.id = wake AND o.epoch = 2"),
                     JOB_ROW_MAX + 1);
}
END_TEST

int main(void)
{
    test_db_create();
    const struct suite_case cases[] = {
        {accept__gives_many_that_are_alike_rows_together, 1},
        {accept__gives_each_a_row_if_one_is_not_like_the_others, sizeof others / sizeof others[0]},
        {accept__keeps_what_is_each_ones_own, 1},
        {accept__refuses_all_for_one_key_that_is_taken, 1},
        {claim__takes_whole_rows_and_leaves_the_others, 1},
        {claim__leaves_in_the_row_what_there_is_no_room_for, 1},
        {claim__leaves_in_the_row_only_what_waits_for_it, 1},
        {claim__steps_around_kinds_with_a_limit, 1},
        {claim__leaves_an_isolated_job_in_its_row, 1},
        {claim__removes_rows_that_wake_nobody, 1},
        {claim__takes_only_what_is_its_own_and_old_enough, 1},
        {claim__takes_no_few_unless_it_is_told_to, 1},
        {claim__shares_out_what_there_is_room_for, 1},
        {take__answers_what_the_messages_are_made_of, 1},
        {take__holds_back_what_a_worker_may_still_fetch, 1},
        {take__holds_back_no_kind_with_a_limit, 1},
        {take__counts_jobs_and_not_rows, 1},
        {confirm__leaves_in_rows_what_was_not_sent, 1},
        {sweep__wakes_what_has_lost_its_row_and_nobody_else, 1},
    };
    int status = suite_run_with("shared", cases, sizeof cases / sizeof cases[0], setup_many, teardown);
    test_db_drop();
    return status;
}
