/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retention.h -- how long rows stay in the database: a rule for every table.
 *
 * Healing carries out the rules every hour.  A table without a rule fails a test.
 * Errors: db.h's.  Threads: the connection's owner.  Blocks.
 */
#ifndef SOKOUL_COMMON_STORE_RETENTION_H
#define SOKOUL_COMMON_STORE_RETENTION_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/db/db.h"

#include <stdbool.h>
#include <stddef.h>

struct retention_rule
{
    const char *table;
    const char *rule; /* for people */
    const struct db_stmt
        *delete; /* $1 rows at most, $2 days that ended jobs are kept; NULL: other code deletes them */
};
const struct retention_rule *retention_rules(size_t *count);

/* Carries out all rules once, each for `limit` rows at most; *more: some may be left. Torrents that were
 * begun and that nobody wants any more get a purge job each, at most 100 at a time. */
struct retention
{
    int days;
    int64_t limit;
};
MUST_USE enum err_code retention_store_run(struct db *db, struct arena *arena,
                                           const struct retention *retention, bool *more, struct err *err);

#endif
