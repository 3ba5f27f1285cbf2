/* SPDX-License-Identifier: Apache-2.0 */
/* jobs_internal.h -- what the files share that write wake-ups. Nobody outside common/store includes it. */
#ifndef SOKOUL_COMMON_STORE_JOBS_INTERNAL_H
#define SOKOUL_COMMON_STORE_JOBS_INTERNAL_H

/* The subject of a job whose columns kind, worker and priority are in scope; the same as job_subject(). */
#define JOB_SUBJECT_SQL                                                                                      \
    "'sokoul.jobs.' || worker || '.' || kind || CASE priority WHEN 'normal' THEN '' ELSE '.' || priority "   \
    "END"

/* A job that still waits for the wake-up of the crowd whose wake is `crowd_wake`; given another one by
 * `UPDATE jobs SET wake = nextval('outbox_id_seq') ... RETURNING JOB_MOVED_COLUMNS` it gets a row of outbox.
 */
#define JOB_OF_CROWD "wake = crowd_wake AND status = 'Pending'"
#define JOB_MOVED_COLUMNS "job_id, kind, worker, priority, epoch, wake, run_at"
#define JOB_WOKEN_BY(moved)                                                                                  \
    "INSERT INTO outbox (id, job_id, epoch, subject, run_at)"                                                \
    " SELECT wake, job_id, epoch, " JOB_SUBJECT_SQL ", run_at FROM " moved

/* The number of a claim: greater than the one before, and never given twice, also when Postgres crashed and
 * the claim that had it is lost; hence the time in microseconds and no count. */
#define JOB_FENCE_SQL(before)                                                                                \
    "greatest(" before " + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)"

/* What a claim answers, in the order of job_claims_of, with the id of the row in `claims` at the end:
 * JOB_NOTED goes on after `WITH claimed AS (... RETURNING JOB_CLAIMED_COLUMNS)`. */
#define JOB_CLAIMED_COLUMNS                                                                                  \
    "job_id, kind, user_id, request_id, payload, checkpoint, parent_id, fence, attempts, deadline_at, "      \
    "priority"
#define JOB_NOTED(worker_id, how)                                                                            \
    ", noted AS (INSERT INTO claims (worker_id, job_ids)"                                                    \
    "   SELECT " worker_id "::uuid, array_agg(job_id) FROM claimed HAVING count(*) > 0"                      \
    "   " how " RETURNING id)"                                                                               \
    " SELECT " JOB_CLAIMED_COLUMNS ", (SELECT id FROM noted) FROM claimed"

#include "common/store/jobs.h"
#include "common/store/sql.h"

/* How many rows of crowds hold as many jobs as are wanted: whole ones, one at least. */
static inline int64_t job_crowd_rows(int64_t max)
{
    return max < JOB_CROWD_ROW ? 1 : max / JOB_CROWD_ROW;
}

/* The rows of a statement that returns those columns. */
MUST_USE enum err_code job_claims_of(struct arena *arena, struct db_rows *take, struct job_claim **claims,
                                     size_t *count, struct err *err);
/* job_store_settle inside the caller's transaction. */
MUST_USE enum err_code job_store_settle_in(struct db *db, struct arena *arena, const struct job_end *ends,
                                           size_t n, bool *mine, struct err *err);

enum
{
    DETAIL_MAX = 500 /* bytes of a detail that are kept */
};

#endif
