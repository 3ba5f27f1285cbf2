/* SPDX-License-Identifier: Apache-2.0 */
#include "common/store/schema.h"

/* A statement cannot name a table that is not there, so the table is asked for first. */
static const struct db_stmt table_stmt = {
    "schema_table",
    "SELECT t IS NOT NULL, has_table_privilege(t, 'SELECT') FROM to_regclass('schema_migrations') t", 0};
static const struct db_stmt missing_stmt = {
    "schema_missing",
    "SELECT v FROM unnest($1::bigint[]) v"
    " WHERE NOT EXISTS (SELECT FROM schema_migrations m WHERE m.version = v) ORDER BY v",
    1};

static enum err_code check_versions(struct db *db, struct err *err)
{
    struct db_rows *rows = NULL;
    if (db_run(db, &missing_stmt, (const char *[]){schema_needs}, &rows, err) != E_OK)
        return err->code;
    int missing = db_rows(rows);
    if (missing > 0)
        fail(err, E_DATABASE,
             "its schema is behind this program (migration %s %s missing): run sokoulctl migrate up",
             db_text(rows, 0, 0), missing > 1 ? "and others are" : "is");
    db_rows_free(rows);
    return missing > 0 ? err->code : E_OK;
}

enum err_code schema_check(struct db *db, struct err *err)
{
    struct db_rows *rows = NULL;
    if (db_run(db, &table_stmt, NULL, &rows, err) != E_OK)
        return err->code;
    bool there = db_bool(rows, 0, 0);
    bool readable = db_bool(rows, 0, 1);
    db_rows_free(rows);
    if (!there)
        return fail(err, E_DATABASE, "it has no tables of Sokoul yet: run sokoulctl migrate up");
    return readable ? check_versions(db, err) : E_OK;
}
