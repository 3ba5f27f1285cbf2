/* SPDX-License-Identifier: Apache-2.0 */
#include "common/store/probe.h"

static const struct db_stmt probe = {
    "probe", "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on'", 0};

enum err_code probe_database(struct db *db, struct err *err)
{
    struct db_rows *rows = NULL;
    if (db_run(db, &probe, NULL, &rows, err) != E_OK)
        return err->code;
    bool read_only = db_bool(rows, 0, 0);
    db_rows_free(rows);
    return read_only ? fail(err, E_DATABASE, "the database takes no writes") : E_OK;
}
