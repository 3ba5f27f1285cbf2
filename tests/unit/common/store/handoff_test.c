/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs that are claimed as they are accepted, on a real Postgres: only for a worker that is there, and known
 * to be its own from then on. */
#include "tests/unit/common/store/jobs_kit.h"

static struct just_committed committed;

static void setup_worker(void)
{
    setup();
    test_db_exec(db, "TRUNCATE job_limits, job_windows");
    ck_assert_int_eq(worker_store_register(db, worker.text, "scout", "here", &err), E_OK);
}

static struct job_recipient offer(void)
{
    return (struct job_recipient){.worker_id = worker, .lease_ms = LEASE_MS, .stamp = 5};
}

static void give(const struct job_new *job)
{
    const struct job_recipient recipient = offer();
    ck_assert_int_eq(job_store_hand_off(db, arena, job, &recipient, &committed, &err), E_OK);
    ck_assert_uint_eq(committed.count, 1);
    ck_assert_str_eq(committed.rows[0].job_id, job->job_id);
}

static struct job_held *held(size_t *n)
{
    struct job_held *list = NULL;
    ck_assert_int_eq(job_store_held(db, arena, worker.text, 0, &list, n, &err), E_OK);
    return list;
}

START_TEST(give__accepts_and_claims_at_once)
{
    struct job_new job = new_job();
    job.payload = "{\"a\": [1, 2]}";
    job.priority = JOB_HIGH;
    job.deadline_at_ms = clock_wall_ms() + 3600000;
    job.parent_id = accept();
    give(&job);
    ck_assert_ptr_nonnull(committed.handed_off);
    ck_assert_str_eq(committed.handed_off->job_id, job.job_id);
    ck_assert_str_eq(committed.recipient.worker_id.text, worker.text);
    ck_assert_int_eq(committed.handed_off->attempts, 1);
    ck_assert_int_gt(committed.handed_off->note, 0);
    ck_assert_int_eq(committed.handed_off->deadline_at_ms, job.deadline_at_ms);
    ck_assert_str_eq(column(job.job_id, "status"), "Running");
    ck_assert_int_eq(
        count("SELECT count(*) FROM jobs WHERE lease_until BETWEEN now() + interval '30 s'"
              " AND now() + interval '41 s' AND started_at >= created_at AND finished_at IS NULL"),
        1);
    ck_assert_int_eq(
        count("SELECT count(*) FROM jobs JOIN outgoing ON job_id = ANY (job_ids) WHERE status = 'Running'"),
        0);
    size_t n = 0;
    struct job_held *list = held(&n);
    ck_assert_uint_eq(n, 1);
    ck_assert_str_eq(list[0].job_id, job.job_id);
    ck_assert_int_eq(list[0].fence, committed.handed_off->fence);
    ck_assert(!is_claimable(job.job_id));
    ck_assert(settle_as(committed.handed_off, JOB_FINISH, NULL));
    ck_assert_str_eq(column(job.job_id, "status"), "Completed");
}
END_TEST

static void unregister(void)
{
    ck_assert_int_eq(worker_store_leave(db, worker.text, &err), E_OK);
}

static void let_it_miss(void)
{
    test_db_exec(db, "UPDATE workers SET missing_since = now()");
}

static void limit_kind(void)
{
    test_db_exec(db, "INSERT INTO job_limits (kind, max_running) VALUES ('noop', 5)");
}

static void (*const obstacles[])(void) = {unregister, let_it_miss, limit_kind};

START_TEST(give__accepts_like_any_other_when_it_cannot)
{
    const struct job_new job = new_job();
    obstacles[_i]();
    give(&job);
    ck_assert_ptr_null(committed.handed_off);
    ck_assert_str_eq(column(job.job_id, "status"), "Pending");
    ck_assert_int_eq(count("SELECT count(*) FROM claims"), 0);
    ck_assert_int_eq(count("SELECT count(*) FROM jobs WHERE attempts = 0 AND fence = 0 AND worker_id IS NULL"
                           " AND lease_until IS NULL AND started_at IS NULL"),
                     1);
    ck_assert_int_eq(count("SELECT count(*) FROM jobs j JOIN outgoing o ON o.id = j.wake"), 1);
}
END_TEST

/* Else it could be gone, having seen nothing that is its own, when the job that it was given appears. */
START_TEST(give__lets_no_worker_leave_before_it_has_ended)
{
    const struct job_new job = new_job();
    ck_assert_int_eq(db_begin(db, &err), E_OK);
    give(&job);
    ck_assert_ptr_nonnull(committed.handed_off);
    struct db *other = test_db_open();
    test_db_exec(other, "SET lock_timeout = 100");
    ck_assert_int_ne(worker_store_leave(other, worker.text, &err), E_OK);
    ck_assert_int_eq(db_commit(db, &err), E_OK);
    ck_assert_int_eq(worker_store_leave(other, worker.text, &err), E_OK);
    test_db_close(other);
    size_t n = 0;
    held(&n);
    ck_assert_uint_eq(n, 1);
}
END_TEST

START_TEST(give__is_undone_with_its_transaction)
{
    const struct job_new job = new_job();
    ck_assert_int_eq(db_begin(db, &err), E_OK);
    give(&job);
    db_rollback(db);
    ck_assert_int_eq(count("SELECT (SELECT count(*) FROM jobs) + (SELECT count(*) FROM outgoing)"
                           " + (SELECT count(*) FROM claims)"),
                     0);
}
END_TEST

/* Another one than the first, of which a worker of the version before thinks that it was for it. */
#define WOKEN                                                                                                \
    "SELECT count(*) FROM jobs j JOIN outgoing o ON o.id = j.wake AND j.job_id = ANY (o.job_ids)"            \
    " AND o.subject = 'sokoul.jobs.scout.noop' AND o.epoch = 2 AND j.epoch = 2 WHERE status = 'Pending'"

START_TEST(give__has_its_first_wake_up_when_it_is_handed_back)
{
    const struct job_new job = new_job();
    give(&job);
    ck_assert(settle_as(committed.handed_off, JOB_HAND_BACK, "in_doubt"));
    ck_assert_int_eq(count(WOKEN), 1);
    ck_assert_int_eq(count("SELECT count(*) FROM jobs WHERE attempts = 0"), 1);
    ck_assert(!settle_as(committed.handed_off, JOB_FINISH, NULL));
    ck_assert(is_claimable(job.job_id));
}
END_TEST

/* The record of its claim is lost: when the lease is over the sweep tells of it again. */
START_TEST(give__is_taken_back_without_the_record_of_its_claim)
{
    const struct job_new job = new_job();
    const struct job_stream stream = {.stream = "s#0", .ack_wait_ms = 5000};
    struct job_scan step = {.woken = 0};
    int64_t moved = 0;
    give(&job);
    test_db_exec(db, "DELETE FROM claims");
    test_db_exec(db, "UPDATE jobs SET lease_until = now() - interval '1 minute'");
    ck_assert_int_eq(job_store_scan(db, arena, &stream, &step, &err), E_OK);
    ck_assert_int_eq(step.woken, 0);
    ck_assert_int_eq(job_store_take_back(db, arena, 0, &moved, &err), E_OK);
    ck_assert_int_eq(moved, 1);
    ck_assert_int_eq(count(WOKEN), 1);
}
END_TEST

START_TEST(give__is_taken_back_when_its_worker_dies)
{
    const struct job_new job = new_job();
    int64_t moved = 0;
    give(&job);
    test_db_exec(db,
                 "UPDATE workers SET backend_start = now() - interval '1 day'"); /* that backend is no more */
    ck_assert_int_eq(job_store_take_back(db, arena, LEASE_MS, &moved, &err), E_OK);
    ck_assert_int_eq(moved, 0);
    test_db_exec(db, "UPDATE workers SET missing_since = missing_since - interval '1 s'");
    ck_assert_int_eq(job_store_take_back(db, arena, LEASE_MS, &moved, &err), E_OK);
    ck_assert_int_eq(moved, 1);
    ck_assert_int_eq(count(WOKEN), 1);
}
END_TEST

static void key(struct job_new *job)
{
    job->unique_key = "k";
}

static void late(struct job_new *job)
{
    job->run_at_ms = clock_wall_ms() + 1000;
}

static void low(struct job_new *job)
{
    job->priority = JOB_LOW;
}

static void download(struct job_new *job)
{
    job->kind = "download";
}

static void (*const unfit[])(struct job_new *job) = {key, late, low, download};

START_TEST(give__is_for_single_ordinary_jobs)
{
    struct job_new jobs[2] = {new_job(), new_job()};
    ck_assert(job_may_be_handed_off(jobs, 1));
    ck_assert(!job_may_be_handed_off(jobs, 2));
    unfit[_i](&jobs[0]);
    ck_assert(!job_may_be_handed_off(jobs, 1));
}
END_TEST

int main(void)
{
    test_db_create();
    const struct suite_case cases[] = {
        {give__accepts_and_claims_at_once, 1},
        {give__accepts_like_any_other_when_it_cannot, sizeof obstacles / sizeof obstacles[0]},
        {give__lets_no_worker_leave_before_it_has_ended, 1},
        {give__is_undone_with_its_transaction, 1},
        {give__has_its_first_wake_up_when_it_is_handed_back, 1},
        {give__is_taken_back_without_the_record_of_its_claim, 1},
        {give__is_taken_back_when_its_worker_dies, 1},
        {give__is_for_single_ordinary_jobs, sizeof unfit / sizeof unfit[0]},
    };
    int status = suite_run_with("given", cases, sizeof cases / sizeof cases[0], setup_worker, teardown);
    test_db_drop();
    return status;
}
