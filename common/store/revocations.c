/* SPDX-License-Identifier: Apache-2.0 */
#include "common/store/revocations.h"

#include <stdio.h>

static const struct db_stmt read_stmt = {
    "revocation_read",
    "SELECT pg_snapshot_xmin(pg_current_snapshot()), subject, role, extract(epoch FROM expires_at - "
    "now())::bigint "
    "FROM (SELECT 1) always LEFT JOIN revocations ON xid >= $1::xid8 AND expires_at > now()",
    1,
};
enum err_code revocation_store_read(struct db *db, struct revocation_bookmark *bookmark,
                                    enum err_code (*take)(void *of, const struct revocation *row,
                                                          struct err *err),
                                    void *of, struct err *err)
{
    const char *params[] = {bookmark->xid[0] != '\0' ? bookmark->xid : "0"};
    struct db_rows *rows = NULL;
    if (db_run(db, &read_stmt, params, &rows, err) != E_OK)
        return err->code;
    enum err_code code = E_OK;
    for (int i = 0; i < db_rows(rows) && code == E_OK; i++)
    {
        const struct revocation row = {db_text(rows, i, 1), db_text(rows, i, 2), db_int(rows, i, 3, 0)};
        if (row.subject != NULL)
            code = take(of, &row, err);
    }
    if (code == E_OK)
        snprintf(bookmark->xid, sizeof bookmark->xid, "%s", db_text(rows, 0, 0));
    db_rows_free(rows);
    return code;
}
