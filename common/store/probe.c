/* SPDX-License-Identifier: Apache-2.0 */
#include "common/store/probe.h"

#include <stdio.h>

static const struct db_stmt probe = {
    "probe", "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on'", 0};

/* With the least work_mem a sort goes to a temporary file on the database's disk, and writes no row and no
 * log. */
static const struct db_stmt small = {"probe_small", "SELECT set_config('work_mem', '64kB', false)", 0};
static const struct db_stmt spill = {"probe_spill", "SELECT count(*) FROM generate_series(1, 20000)", 0};

enum err_code probe_disk(struct db *db, struct err *err)
{
    enum err_code code = db_run(db, &small, NULL, NULL, err);
    if (code == E_OK)
        code = db_run(db, &spill, NULL, NULL, err);
    if (code == E_DATABASE)
        err->code = E_DISK_FULL;
    return code == E_DATABASE ? err->code : code;
}

enum err_code probe_database(struct db *db, struct err *err)
{
    struct db_rows *rows = NULL;
    if (db_run(db, &probe, NULL, &rows, err) != E_OK)
        return err->code;
    bool read_only = db_bool(rows, 0, 0);
    db_rows_free(rows);
    return read_only ? fail(err, E_DATABASE,
                            "the database takes no writes: promote it, or name the primary in DATABASE_URL")
                     : E_OK;
}

static enum err_code read_session(struct db *db, int64_t *session, struct err *err)
{
    static const struct db_stmt stmt = {"probe_session", "SELECT pg_backend_pid()", 0};
    struct db_rows *rows = NULL;
    if (db_run(db, &stmt, NULL, &rows, err) != E_OK)
        return err->code;
    *session = db_int(rows, 0, 0, 0);
    db_rows_free(rows);
    return E_OK;
}

enum err_code probe_sessions(struct db *one, struct db *other, struct err *err)
{
    int64_t first = 0;
    int64_t second = 0;
    if (read_session(one, &first, err) != E_OK || read_session(other, &second, err) != E_OK)
        return err->code;
    return first == second ? fail(err, E_DATABASE, DB_TEXT_POOLER) : E_OK;
}

static const struct db_stmt server_stmt = {
    "probe_server",
    "SELECT current_setting('server_version_num')::int / 10000, current_setting('server_version'),"
    " (extract(epoch FROM clock_timestamp()) * 1000)::bigint,"
    " current_setting('fsync') = 'on' AND current_setting('full_page_writes') = 'on'"
    " AND current_setting('synchronous_commit') <> 'off'",
    0};

enum err_code probe_server(struct db *db, struct probe_server *server, struct err *err)
{
    struct db_rows *rows = NULL;
    if (db_run(db, &server_stmt, NULL, &rows, err) != E_OK)
        return err->code;
    server->release = db_int(rows, 0, 0, 0);
    snprintf(server->version, sizeof server->version, "%s", db_text(rows, 0, 1));
    server->wall_ms = db_int(rows, 0, 2, 0);
    server->durable = db_bool(rows, 0, 3);
    db_rows_free(rows);
    return E_OK;
}
