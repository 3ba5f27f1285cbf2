/* SPDX-License-Identifier: Apache-2.0 */
#include "common/store/migrate.h"

#include "common/store/rights.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct db_stmt lock_stmt = {"migrate_lock", "SELECT pg_advisory_lock(7361637215)", 0};
static const struct db_stmt unlock_stmt = {"migrate_unlock", "SELECT pg_advisory_unlock(7361637215)", 0};
static const struct db_stmt table_there_stmt = {"migrate_table_there",
                                                "SELECT to_regclass('schema_migrations') IS NOT NULL", 0};
static const struct db_stmt table_make_stmt = {"migrate_table_make",
                                               "CREATE TABLE IF NOT EXISTS schema_migrations ("
                                               " version bigint PRIMARY KEY,"
                                               " name text NOT NULL,"
                                               " checksum text NOT NULL,"
                                               " applied_at timestamptz NOT NULL DEFAULT now())",
                                               0};
static const struct db_stmt applied_stmt = {
    "migrate_applied", "SELECT version, name, checksum, applied_at FROM schema_migrations ORDER BY version",
    0};
/* The database computes the checksum, so that status, up and an operator with psql agree on it. */
static const struct db_stmt checksum_stmt = {"migrate_checksum",
                                             "SELECT encode(sha256(convert_to($1::text, 'UTF8')), 'hex')", 1};
static const struct db_stmt add_stmt = {
    "migrate_add",
    "INSERT INTO schema_migrations (version, name, checksum) VALUES ($1::bigint, $2, $3)"
    " RETURNING applied_at",
    3};

const char *migration_state_name(enum migration_state state)
{
    static const char *const names[] = {[MIGRATION_PENDING] = "pending",
                                        [MIGRATION_APPLIED] = "applied",
                                        [MIGRATION_CHANGED] = "changed",
                                        [MIGRATION_UNKNOWN] = "unknown"};
    return names[state];
}

static enum err_code checksum_of(struct db *db, struct arena *arena, const struct migration *migration,
                                 const char **checksum, struct err *err)
{
    struct db_rows *rows = NULL;
    enum err_code code = db_run(db, &checksum_stmt, (const char *[]){migration->sql}, &rows, err);
    if (code != E_OK)
        return code;
    *checksum = arena_strdup(arena, db_text(rows, 0, 0));
    db_rows_free(rows);
    return *checksum != NULL ? E_OK : fail(err, E_NO_MEMORY, "out of memory");
}

static int find_applied(const struct db_rows *applied, int64_t version)
{
    for (int i = 0; i < db_rows(applied); i++)
        if (db_int(applied, i, 0, -1) == version)
            return i;
    return -1;
}

static bool is_listed(struct migration_list list, int64_t version)
{
    for (size_t i = 0; i < list.count; i++)
        if (list.items[i].version == version)
            return true;
    return false;
}

/* ---- what there is ---------------------------------------------------------------------------- */

static enum err_code compare(struct db *db, struct arena *arena, const struct migration *migration,
                             const struct db_rows *applied, struct migration_row *row, struct err *err)
{
    const char *checksum = NULL;
    int at = find_applied(applied, migration->version);
    *row = (struct migration_row){migration->version, migration->name, MIGRATION_PENDING, -1};
    if (at < 0)
        return E_OK;
    enum err_code code = checksum_of(db, arena, migration, &checksum, err);
    if (code != E_OK)
        return code;
    row->state = strcmp(checksum, db_text(applied, at, 2)) == 0 ? MIGRATION_APPLIED : MIGRATION_CHANGED;
    row->applied_at_ms = db_time(applied, at, 3, -1);
    return E_OK;
}

static void insert_row(struct migration_report *report, struct migration_row row)
{
    size_t at = report->count++;
    for (; at > 0 && report->rows[at - 1].version > row.version; at--)
        report->rows[at] = report->rows[at - 1];
    report->rows[at] = row;
}

/* `applied` NULL: the table is not there yet. */
static enum err_code report_all(struct db *db, struct arena *arena, struct migration_list list,
                                const struct db_rows *applied, struct migration_report *report,
                                struct err *err)
{
    size_t known = applied != NULL ? (size_t)db_rows(applied) : 0;
    *report = (struct migration_report){arena_array(arena, list.count + known + 1, sizeof *report->rows), 0};
    if (report->rows == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < list.count; i++)
    {
        struct migration_row row;
        enum err_code code = compare(db, arena, &list.items[i], applied, &row, err);
        if (code != E_OK)
            return code;
        insert_row(report, row);
    }
    for (int i = 0; i < (int)known; i++)
    {
        int64_t version = db_int(applied, i, 0, -1);
        if (!is_listed(list, version))
            insert_row(report, (struct migration_row){version, arena_strdup(arena, db_text(applied, i, 1)),
                                                      MIGRATION_UNKNOWN, db_time(applied, i, 3, -1)});
    }
    return E_OK;
}

static enum err_code has_table(struct db *db, bool *there, struct err *err)
{
    struct db_rows *rows = NULL;
    enum err_code code = db_run(db, &table_there_stmt, NULL, &rows, err);
    if (code == E_OK)
        *there = db_bool(rows, 0, 0);
    db_rows_free(rows);
    return code;
}

enum err_code migrate_status(struct db *db, struct arena *arena, struct migration_list list,
                             struct migration_report *report, struct err *err)
{
    struct db_rows *applied = NULL;
    bool there = false;
    enum err_code code = has_table(db, &there, err);
    if (code == E_OK && there)
        code = db_run(db, &applied_stmt, NULL, &applied, err);
    if (code == E_OK)
        code = report_all(db, arena, list, applied, report, err);
    db_rows_free(applied);
    return code;
}

/* ---- up --------------------------------------------------------------------------------------- */

/* Errors of the server are passed on; for every other error the file is to blame. */
static enum err_code blame(const struct migration *migration, enum err_code code, struct err *err)
{
    struct err inner = *err;
    if (code == E_DATABASE || code == E_NO_MEMORY || code == E_TIMEOUT)
        return fail(err, code, "migration %" PRId64 "_%s: %.120s", migration->version, migration->name,
                    inner.text);
    return fail(err, E_UNPROCESSABLE, "migration %" PRId64 "_%s is broken and was rolled back: %.120s",
                migration->version, migration->name, inner.text);
}

static enum err_code apply_one(struct db *db, struct arena *arena, const struct migration *migration,
                               struct migration_row *row, struct err *err)
{
    char version[24];
    const char *checksum = NULL;
    struct db_rows *rows = NULL;
    snprintf(version, sizeof version, "%" PRId64, migration->version);
    enum err_code code = checksum_of(db, arena, migration, &checksum, err);
    if (code != E_OK)
        return code;
    code = db_begin(db, err);
    if (code == E_OK)
        code = db_script(db, migration->sql, err);
    if (code == E_OK)
        code = db_run(db, &add_stmt, (const char *[]){version, migration->name, checksum}, &rows, err);
    if (code == E_OK)
        code = db_commit(db, err);
    if (code != E_OK)
    {
        db_rollback(db);
        code = blame(migration, code, err);
    }
    else
        *row = (struct migration_row){migration->version, migration->name, MIGRATION_APPLIED,
                                      db_time(rows, 0, 0, -1)};
    db_rows_free(rows);
    return code;
}

static enum err_code refuse_changed(const struct migration_report *report, struct err *err)
{
    for (size_t i = 0; i < report->count; i++)
        if (report->rows[i].state == MIGRATION_CHANGED)
            return fail(err, E_CONFLICT,
                        "migration %" PRId64 "_%s was changed after it had been applied (another checksum)",
                        report->rows[i].version, report->rows[i].name);
    return E_OK;
}

static enum err_code apply_pending(struct db *db, struct arena *arena, struct migration_list list,
                                   struct migration_report *applied, struct err *err)
{
    struct migration_report now = {NULL, 0};
    enum err_code code = migrate_status(db, arena, list, &now, err);
    if (code == E_OK)
        code = refuse_changed(&now, err);
    if (code != E_OK)
        return code;
    for (size_t i = 0; i < list.count && code == E_OK; i++)
    {
        bool is_pending = false;
        for (size_t j = 0; j < now.count; j++)
            is_pending |=
                now.rows[j].version == list.items[i].version && now.rows[j].state == MIGRATION_PENDING;
        if (!is_pending)
            continue;
        code = apply_one(db, arena, &list.items[i], &applied->rows[applied->count], err);
        applied->count += code == E_OK;
    }
    return code;
}

enum err_code migrate_up(struct db *db, struct arena *arena, struct migration_list list,
                         struct migration_report *applied, struct err *err)
{
    struct err ignored = ERR_INIT;
    *applied = (struct migration_report){arena_array(arena, list.count + 1, sizeof *applied->rows), 0};
    if (applied->rows == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    enum err_code code = db_run(db, &lock_stmt, NULL, NULL, err);
    if (code != E_OK)
        return code;
    code = db_run(db, &table_make_stmt, NULL, NULL, err);
    if (code == E_OK)
        code = apply_pending(db, arena, list, applied, err);
    if (code == E_OK)
        code = rights_store_grant(db, err);
    /* The end of a connection frees its lock. */
    if (db_run(db, &unlock_stmt, NULL, NULL, &ignored) != E_OK && code == E_OK)
        return fail(err, E_DATABASE, "lost the database connection after the migrations");
    return code;
}
