/* SPDX-License-Identifier: Apache-2.0 */
/* jobs_internal.h -- what the files share that write wake-ups. Nobody outside common/store includes it. */
#ifndef SOKOUL_COMMON_STORE_JOBS_INTERNAL_H
#define SOKOUL_COMMON_STORE_JOBS_INTERNAL_H

/* The subject of a job whose columns kind, worker and priority are in scope; the same as job_subject(). */
#define JOB_SUBJECT_SQL                                                                                      \
    "'sokoul.jobs.' || worker || '.' || kind || CASE priority WHEN 'normal' THEN '' ELSE '.' || priority "   \
    "END"

/* Whatever makes a job claimable gives it a new wake-up in the same statement:
 *
 *     moved AS (UPDATE jobs SET ..., " JOB_WAKE_SQL " ... RETURNING " JOB_WOKEN_COLUMNS("jobs") "),
 *     woken AS (" JOB_WAKE_ROWS("moved") ")
 */
#define JOB_WAKE_SQL "epoch = epoch + 1, wake = nextval('outbox_id_seq')"
#define JOB_WOKEN_COLUMNS(jobs)                                                                              \
    jobs ".job_id, " jobs ".kind, " jobs ".worker, " jobs ".priority, " jobs ".epoch, " jobs ".wake, " jobs  \
         ".run_at"
#define JOB_WAKE_ROWS(moved)                                                                                 \
    "INSERT INTO outgoing (id, job_ids, epoch, subject, run_at)"                                             \
    " SELECT wake, ARRAY[job_id], epoch, " JOB_SUBJECT_SQL ", greatest(run_at, now()) FROM " moved

/* Of a row of `outgoing`: its jobs may be claimed without a look at a limit. */
#define JOB_UNLIMITED_SQL "split_part(subject, '.', 4) <> ALL (ARRAY(SELECT kind FROM job_limits))"

/* A row of `outgoing` wakes at most so many jobs. */
#define JOB_SHARED_SQL "64"

/* What is left of rows: goes on after `rows AS (... row_id, row_part)`, which are locked, and `kept AS (...
 * row_id, row_part, ids)`, those of them in which jobs stay. */
#define JOB_ROWS_LEFT_SQL                                                                                    \
    " gone AS (DELETE FROM outgoing o USING rows r WHERE o.id = r.row_id AND o.part = r.row_part"            \
    "   AND NOT EXISTS (SELECT 1 FROM kept k WHERE k.row_id = o.id AND k.row_part = o.part)),"               \
    " trimmed AS (UPDATE outgoing o SET job_ids = k.ids FROM kept k WHERE o.id = k.row_id"                   \
    "   AND o.part = k.row_part AND cardinality(k.ids) < cardinality(o.job_ids))"

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
