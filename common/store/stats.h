/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stats.h -- the numbers of the whole installation, for operators.
 *
 * {users,media,favorites,torrents,downloads:{<status>:n},jobs:{<status>:n},dead_letters,outbox_pending}.
 * Counts every row: for people, not for scrapers (metrics.h has gauges).
 * Errors: db.h's.  Threads: the connection's owner.  Blocks.
 */
#ifndef SOKOUL_COMMON_STORE_STATS_H
#define SOKOUL_COMMON_STORE_STATS_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/db/db.h"

MUST_USE enum err_code stats_store_get(struct db *db, struct arena *arena, const char **json,
                                       struct err *err);

#endif
