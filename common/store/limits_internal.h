/* SPDX-License-Identifier: Apache-2.0 */
/* limits_internal.h -- what limits.c and jobs_limited.c share: inside the transaction that locks the limits.
 */
#ifndef SOKOUL_COMMON_STORE_LIMITS_INTERNAL_H
#define SOKOUL_COMMON_STORE_LIMITS_INTERNAL_H

#include "common/store/limits.h"

/* The values of jobs.place. */
#define PLACE_QUEUED "'waits'"
#define PLACE_ADMITTED "'called'"
#define PLACE_RUNNING "'held'"
#define PLACE_PAUSED "'paused'"

/* A place is taken by a running job, and for a while by an admitted one. An admitted job whose wake-up got
 * lost is claimed like a new one when the scan has woken it. */
#define LIMIT_ADMITTED_SQL                                                                                   \
    "(place = " PLACE_ADMITTED " AND status = 'Pending' AND run_at > clock_timestamp() - interval '30 s')"
#define LIMIT_TAKEN_SQL                                                                                      \
    "place IN (" PLACE_RUNNING ", " PLACE_ADMITTED ") AND ((place = " PLACE_RUNNING                          \
    " AND status = 'Running') OR " LIMIT_ADMITTED_SQL ")"

/* Of a row of job_limits: the most that may run by the operator's limit and the workers' own together. */
#define LIMIT_UNSET_SQL "2147483647"
#define LIMIT_SET_SQL "(max_running < " LIMIT_UNSET_SQL " OR max_per_user IS NOT NULL)"
#define LIMIT_MOST_SQL                                                                                       \
    "least(max_running, coalesce(per_process * (SELECT count(*) FROM workers w"                              \
    " WHERE w.worker = job_limits.worker AND w.missing_since IS NULL), max_running))"

/* `kinds` is an array parameter. */
MUST_USE enum err_code limits_lock(struct db *db, const char *kinds, struct err *err);
MUST_USE enum err_code limits_admit_in(struct db *db, const char *const *kinds, size_t n, int64_t *admitted,
                                       struct err *err);

#endif
