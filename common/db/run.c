/* SPDX-License-Identifier: Apache-2.0 */
/* Running statements: one by one, or many in one round trip. */
#include "common/db/internal.h"

#include "common/base/clock.h"
#include "common/base/log.h"

#include <poll.h>
#include <stdint.h>
#include <string.h>

enum
{
    BINARY_MAX = 16 /* parameters of a statement that has a DB_TEXTS or DB_UUIDS */
};

static size_t slot_of(const struct db_stmt *stmt)
{
    return ((uintptr_t)stmt >> 4) * 2654435761u % DB_PREPARED_SLOTS;
}

bool prepared_has(const struct db *db, const struct db_stmt *stmt)
{
    for (size_t i = slot_of(stmt); db->prepared[i] != NULL; i = (i + 1) % DB_PREPARED_SLOTS)
        if (db->prepared[i] == stmt)
            return true;
    return false;
}

void prepared_add(struct db *db, const struct db_stmt *stmt)
{
    size_t i = slot_of(stmt);
    while (db->prepared[i] != NULL)
        i = (i + 1) % DB_PREPARED_SLOTS;
    db->prepared[i] = stmt;
    db->prepared_count++;
}

/* After a deadline or a protocol error nothing that arrives on this connection can be trusted any more. */
static enum err_code broken(struct db *db, enum err_code code)
{
    connection_close(db);
    return code;
}

static int64_t deadline_of(const struct db *db)
{
    return clock_mono_ms() + db->settings->statement_ms + 500; /* the server's own limit comes first */
}

static bool is_good(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

/* Reads all results of one statement and keeps the last. */
static enum err_code collect(struct db *db, const char *what, PGresult **out, struct err *err)
{
    const int64_t until_ms = deadline_of(db);
    PGresult *last = NULL;
    enum err_code code = connection_flush(db, until_ms, err);
    while (code == E_OK)
    {
        PGresult *next = NULL;
        code = connection_result(db, until_ms, &next, err);
        if (code != E_OK || next == NULL)
            break;
        PQclear(last);
        last = next;
    }
    if (code == E_OK && (last == NULL || !is_good(last)))
    {
        code = translate(db, last, what, err);
        PQclear(last);
        return PQstatus(db->conn) == CONNECTION_OK && !db->unfit ? code : broken(db, code);
    }
    if (code != E_OK)
    {
        PQclear(last);
        return broken(db, code);
    }
    *out = last;
    return E_OK;
}

static enum err_code lost(struct db *db, struct err *err)
{
    (void)db;
    return fail(err, E_DATABASE, "lost the database connection");
}

static enum err_code ensure_prepared(struct db *db, const struct db_stmt *stmt, struct err *err)
{
    if (prepared_has(db, stmt))
        return E_OK;
    if (db->prepared_count > DB_PREPARED_SLOTS * 3 / 4)
        return fail(err, E_BUG, "too many statements on one connection");
    if (PQsendPrepare(db->conn, stmt->name, stmt->sql, db_stmt_params(stmt), NULL) == 0)
        return broken(db, translate(db, NULL, stmt->name, err));
    PGresult *result = NULL;
    enum err_code code = collect(db, stmt->name, &result, err);
    if (code != E_OK)
        return code;
    PQclear(result);
    prepared_add(db, stmt);
    return E_OK;
}

/* As PQsendQueryPrepared: 0 is a failure. */
static int send(struct db *db, const struct db_stmt *stmt, const char *const *params)
{
    const int count = db_stmt_params(stmt);
    log_trace("db_call", "%s", stmt->name);
    int lengths[BINARY_MAX] = {0};
    int binary[BINARY_MAX] = {0};
    if (stmt->params == count)
        return PQsendQueryPrepared(db->conn, stmt->name, count, params, NULL, NULL, 0);
    for (int i = 0; i < count && i < BINARY_MAX; i++)
    {
        if ((!takes_texts(stmt, i + 1) && !takes_uuids(stmt, i + 1)) || params[i] == NULL)
            continue;
        memcpy(&lengths[i], params[i] - sizeof(int32_t), sizeof(int32_t));
        binary[i] = 1;
    }
    return PQsendQueryPrepared(db->conn, stmt->name, count, params, lengths, binary, 0);
}

enum err_code db_run(struct db *db, const struct db_stmt *stmt, const char *const *params,
                     struct db_rows **rows, struct err *err)
{
    if (db->conn == NULL)
        return lost(db, err);
    enum err_code code = ensure_prepared(db, stmt, err);
    if (code != E_OK)
        return code;
    if (send(db, stmt, params) == 0)
        return broken(db, translate(db, NULL, stmt->name, err));
    PGresult *result = NULL;
    code = collect(db, stmt->name, &result, err);
    if (code != E_OK)
        return code;
    if (rows != NULL)
        *rows = rows_of(result);
    else
        PQclear(result);
    if (rows != NULL && *rows == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    return E_OK;
}

/* ---- pipeline ------------------------------------------------------------------------------- */

static enum err_code pipeline_send(struct db *db, const struct db_call *calls, size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++)
    {
        const struct db_stmt *stmt = calls[i].stmt;
        if (send(db, stmt, calls[i].params) == 0)
            return translate(db, NULL, stmt->name, err);
    }
    if (PQpipelineSync(db->conn) == 0)
        return translate(db, NULL, "sync", err);
    return E_OK;
}

/* The result of one call, and the NULL that ends it. */
static enum err_code pipeline_one(struct db *db, int64_t until_ms, PGresult **out, struct err *err)
{
    PGresult *end = NULL;
    enum err_code code = connection_result(db, until_ms, out, err);
    if (code == E_OK && *out != NULL)
        code = connection_result(db, until_ms, &end, err);
    PQclear(end);
    return code;
}

/* Reads every result even past a failure, so that the connection stays in step. */
static enum err_code pipeline_read(struct db *db, const struct db_call *calls, size_t count,
                                   struct db_rows **rows, struct err *err)
{
    const int64_t until_ms = deadline_of(db);
    enum err_code first = E_OK;
    for (size_t i = 0; i < count; i++)
    {
        PGresult *result = NULL;
        enum err_code code = pipeline_one(db, until_ms, &result, first == E_OK ? err : NULL);
        if (code != E_OK)
            return broken(db, code);
        bool good = result != NULL && is_good(result);
        if (!good && first == E_OK)
            first = translate(db, result, calls[i].stmt->name, err);
        if (good && first == E_OK)
            rows[i] = rows_of(result);
        else
            PQclear(result);
    }
    PGresult *sync = NULL;
    enum err_code code = connection_result(db, until_ms, &sync, first == E_OK ? err : NULL);
    bool synced = sync != NULL && PQresultStatus(sync) == PGRES_PIPELINE_SYNC;
    PQclear(sync);
    if (code != E_OK)
        return broken(db, code);
    if (!synced)
        return broken(db, first != E_OK ? first : lost(db, err));
    return first;
}

static void drop_rows(struct db_rows **rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
    {
        db_rows_free(rows[i]);
        rows[i] = NULL;
    }
}

enum err_code db_run_all(struct db *db, const struct db_call *calls, size_t count, struct db_rows **rows,
                         struct err *err)
{
    if (db->conn == NULL)
        return lost(db, err);
    if (count > DB_MAX_CALLS)
        return fail(err, E_BUG, "too many statements at once");
    for (size_t i = 0; i < count; i++)
    {
        rows[i] = NULL;
        enum err_code code = ensure_prepared(db, calls[i].stmt, err);
        if (code != E_OK)
            return code;
    }
    if (PQenterPipelineMode(db->conn) == 0)
        return broken(db, lost(db, err));
    enum err_code code = pipeline_send(db, calls, count, err);
    if (code == E_OK)
        code = connection_flush(db, deadline_of(db), err);
    if (code != E_OK)
        return broken(db, code);
    code = pipeline_read(db, calls, count, rows, err);
    if (code != E_OK)
        drop_rows(rows, count);
    if (db->conn != NULL && (PQexitPipelineMode(db->conn) == 0 || db->unfit))
        return broken(db, code != E_OK ? code : lost(db, err));
    return code;
}

/* ---- transactions --------------------------------------------------------------------------- */

enum err_code db_script(struct db *db, const char *sql, struct err *err)
{
    if (db->conn == NULL)
        return lost(db, err);
    if (PQsendQuery(db->conn, sql) == 0)
        return broken(db, translate(db, NULL, "script", err));
    PGresult *result = NULL;
    enum err_code code = collect(db, "script", &result, err);
    if (code == E_OK)
        PQclear(result);
    return code;
}

enum err_code db_begin(struct db *db, struct err *err)
{
    return db_script(db, "BEGIN", err);
}

enum err_code db_commit(struct db *db, struct err *err)
{
    if (db->conn == NULL)
        return lost(db, err);
    /* COMMIT of a failed transaction answers ROLLBACK, which libpq calls a success. */
    bool failed = PQtransactionStatus(db->conn) == PQTRANS_INERROR;
    enum err_code code = db_script(db, "COMMIT", err);
    if (code == E_OK && failed)
        return fail(err, E_BUG, "a failed transaction was committed");
    if (code == E_TIMEOUT)
        return fail(err, E_DATABASE, "the database did not confirm the change in time");
    return code;
}

void db_rollback(struct db *db)
{
    if (db->conn == NULL)
        return;
    PGTransactionStatusType status = PQtransactionStatus(db->conn);
    if (status == PQTRANS_IDLE)
        return;
    struct err err = ERR_INIT;
    if (status == PQTRANS_ACTIVE || status == PQTRANS_UNKNOWN || db_script(db, "ROLLBACK", &err) != E_OK)
        connection_close(db);
}

void db_put(struct db *db)
{
    if (db == NULL)
        return;
    db_rollback(db);
    pool_give_back(db->pool, db);
}

/* ---- notifications -------------------------------------------------------------------------- */

enum err_code db_listen(struct db *db, const char *channel, struct err *err)
{
    if (db->listening)
        return E_OK;
    if (db->conn == NULL)
        return lost(db, err);
    char *name = PQescapeIdentifier(db->conn, channel, strlen(channel));
    if (name == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    char sql[128];
    snprintf(sql, sizeof sql, "LISTEN %s", name);
    PQfreemem(name);
    enum err_code code = db_script(db, sql, err);
    db->listening = code == E_OK;
    return code;
}

/* True: there were notifications. */
static bool drop_notifies(struct db *db)
{
    PGnotify *notify = NULL;
    bool any = false;
    while ((notify = PQnotifies(db->conn)) != NULL)
    {
        any = true;
        PQfreemem(notify);
    }
    return any;
}

enum err_code db_wait(struct db *db, int fd, int wait_ms, bool *notified, struct err *err)
{
    if (db->conn == NULL)
        return lost(db, err);
    if (db_has_moved(db))
        return fail(err, E_DATABASE, "DATABASE_URL has changed");
    bool any = drop_notifies(db); /* those that came with the last answer do not make the socket readable */
    struct pollfd fds[] = {{.fd = PQsocket(db->conn), .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    if (poll(fds, 2, any ? 0 : wait_ms) > 0 && fds[0].revents != 0 && PQconsumeInput(db->conn) == 0)
        return broken(db, lost(db, err));
    any = drop_notifies(db) || any;
    if (notified != NULL)
        *notified = any;
    return connection_is_fit(db) ? E_OK : broken(db, lost(db, err));
}
