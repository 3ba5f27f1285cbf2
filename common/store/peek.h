/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peek.h -- small reads of jobs that the API makes often (tables jobs, job_results); jobs.h has
 * everything else about them.
 *
 * Texts live in the arena.  Errors: db.h's.  Threads: the connection's owner.  Blocks.
 */
#ifndef SOKOUL_COMMON_STORE_PEEK_H
#define SOKOUL_COMMON_STORE_PEEK_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/db/db.h"

struct job_peek
{
    const char *status;
    const char *reason; /* or NULL */
    const char *detail; /* or NULL */
    const char *result; /* JSON text, or NULL */
};
/* E_NOT_FOUND. */
MUST_USE enum err_code job_peek_result(struct db *db, struct arena *arena, const char *job_id,
                                       struct job_peek *peek, struct err *err);

#endif
