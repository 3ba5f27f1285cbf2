/* SPDX-License-Identifier: Apache-2.0 */
/*
 * migrate.h -- brings the schema of a database up to date (table schema_migrations).
 *
 * A migration is applied once, in one transaction with its row, in the order of versions.
 * migrate_up holds a session advisory lock, so any number may start at once: the first works,
 * the others wait and then find nothing to do.  A migration that was applied is not applied again, and its
 * checksum must not change; a version that is not in this list (of a newer program) is left alone, since
 * migrations only expand.  At its end the roles of programs are granted their rights (rights.h).
 *
 * The list is sorted by version and borrowed for the call; answers live in the arena.
 * Errors: db.h's, and E_CONFLICT: a file was changed after it had been applied;
 * E_UNPROCESSABLE: a file is broken; it was rolled back, those before it stay.  Both name the file.
 * After E_DATABASE the whole call may be repeated.
 *
 * Threads: the connection's owner.  Blocks; give the pool a statement deadline of minutes.
 */
#ifndef SOKOUL_COMMON_STORE_MIGRATE_H
#define SOKOUL_COMMON_STORE_MIGRATE_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/db/db.h"

#include <stddef.h>
#include <stdint.h>

struct migration
{
    int64_t version;  /* 20240101000000 */
    const char *name; /* "init" */
    const char *sql;
};

struct migration_list
{
    const struct migration *items;
    size_t count;
};

enum migration_state
{
    MIGRATION_PENDING,
    MIGRATION_APPLIED,
    MIGRATION_CHANGED, /* applied, and its file has another checksum now */
    MIGRATION_UNKNOWN  /* applied, and not in the list */
};

struct migration_row
{
    int64_t version;
    const char *name;
    enum migration_state state;
    int64_t applied_at_ms; /* wall; -1 when pending */
};

struct migration_report
{
    struct migration_row *rows; /* by version */
    size_t count;
};

/* migrate_up: only what it applied just now. */
MUST_USE enum err_code migrate_up(struct db *db, struct arena *arena, struct migration_list list,
                                  struct migration_report *applied, struct err *err);
MUST_USE enum err_code migrate_status(struct db *db, struct arena *arena, struct migration_list list,
                                      struct migration_report *report, struct err *err);

const char *migration_state_name(enum migration_state state); /* "pending" */

#endif
