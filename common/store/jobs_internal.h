/* SPDX-License-Identifier: Apache-2.0 */
/* jobs_internal.h -- what the files jobs_*.c and letters.c share. Nobody else includes it. */
#ifndef SOKOUL_COMMON_STORE_JOBS_INTERNAL_H
#define SOKOUL_COMMON_STORE_JOBS_INTERNAL_H

/* The subject of a job whose columns kind, worker and priority are in scope; the same as job_subject(). */
#define JOB_SUBJECT_SQL                                                                                      \
    "'sokoul.jobs.' || worker || '.' || kind || CASE priority WHEN 'normal' THEN '' ELSE '.' || priority "   \
    "END"

#include "common/store/jobs.h"

/* job_store_settle inside the caller's transaction. */
MUST_USE enum err_code job_store_settle_in(struct db *db, struct arena *arena, const struct job_end *ends,
                                           size_t n, bool *mine, struct err *err);

enum
{
    DETAIL_MAX = 500 /* bytes of a detail that are kept */
};

#endif
