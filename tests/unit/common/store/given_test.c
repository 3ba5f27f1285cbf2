/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs that are claimed as they are accepted, on a real Postgres: only for a worker that is there, and known
 * to be its own from then on. */
#include "tests/unit/common/store/jobs_kit.h"

static struct outbox_fresh fresh;

static void setup_worker(void)
{
    setup();
    test_db_exec(db, "TRUNCATE job_limits, job_windows");
    ck_assert_int_eq(worker_store_register(db, worker.text, "scout", "here", &err), E_OK);
}

static struct outbox_offer offer(void)
{
    return (struct outbox_offer){.worker_id = worker, .lease_ms = LEASE_MS, .stamp = 5};
}

static void give(const struct job_new *job)
{
    const struct outbox_offer taker = offer();
    ck_assert_int_eq(job_store_accept_given(db, arena, job, &taker, &fresh, &err), E_OK);
    ck_assert_uint_eq(fresh.count, 1);
    ck_assert_str_eq(fresh.rows[0].job_id, job->job_id);
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
    ck_assert_ptr_nonnull(fresh.given);
    ck_assert_str_eq(fresh.given->job_id, job.job_id);
    ck_assert_str_eq(fresh.taker.worker_id.text, worker.text);
    ck_assert_int_eq(fresh.given->attempts, 1);
    ck_assert_int_gt(fresh.given->note, 0);
    ck_assert_int_eq(fresh.given->deadline_at_ms, job.deadline_at_ms);
    ck_assert_str_eq(column(job.job_id, "status"), "Running");
    ck_assert_int_eq(
        count("SELECT count(*) FROM jobs WHERE lease_until BETWEEN now() + interval '30 s'"
              " AND now() + interval '41 s' AND started_at >= created_at AND finished_at IS NULL"),
        1);
    ck_assert_int_eq(
        count("SELECT count(*) FROM jobs j JOIN outbox o ON o.id = j.wake AND o.job_id = j.job_id"
              " AND o.subject = 'sokoul.jobs.scout.noop.high' AND o.epoch = 1"),
        1);
    size_t n = 0;
    struct job_held *list = held(&n);
    ck_assert_uint_eq(n, 1);
    ck_assert_str_eq(list[0].job_id, job.job_id);
    ck_assert_int_eq(list[0].fence, fresh.given->fence);
    ck_assert(!is_claimable(job.job_id));
    ck_assert(settle_as(fresh.given, JOB_FINISH, NULL));
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
    ck_assert_ptr_null(fresh.given);
    ck_assert_str_eq(column(job.job_id, "status"), "Pending");
    ck_assert_int_eq(count("SELECT count(*) FROM claims"), 0);
    ck_assert_int_eq(count("SELECT count(*) FROM jobs WHERE attempts = 0 AND fence = 0 AND worker_id IS NULL"
                           " AND lease_until IS NULL AND started_at IS NULL"),
                     1);
    ck_assert_int_eq(count("SELECT count(*) FROM jobs j JOIN outbox o ON o.id = j.wake"), 1);
}
END_TEST

/* Else it could be gone, having seen nothing that is its own, when the job that it was given appears. */
START_TEST(give__lets_no_worker_leave_before_it_has_ended)
{
    const struct job_new job = new_job();
    ck_assert_int_eq(db_begin(db, &err), E_OK);
    give(&job);
    ck_assert_ptr_nonnull(fresh.given);
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
    ck_assert_int_eq(count("SELECT (SELECT count(*) FROM jobs) + (SELECT count(*) FROM outbox)"
                           " + (SELECT count(*) FROM claims)"),
                     0);
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
    ck_assert_str_eq(column(job.job_id, "status"), "Pending");
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
    ck_assert(job_may_be_given(jobs, 1));
    ck_assert(!job_may_be_given(jobs, 2));
    unfit[_i](&jobs[0]);
    ck_assert(!job_may_be_given(jobs, 1));
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
        {give__is_taken_back_when_its_worker_dies, 1},
        {give__is_for_single_ordinary_jobs, sizeof unfit / sizeof unfit[0]},
    };
    int status = suite_run_with("given", cases, sizeof cases / sizeof cases[0], setup_worker, teardown);
    test_db_drop();
    return status;
}
