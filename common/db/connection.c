/* SPDX-License-Identifier: Apache-2.0 */
/* One connection: connecting, waiting with a deadline, and the codes for its failures. */
#include "common/db/internal.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/moved.h"

#include <errno.h>
#include <pg_config.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Since PostgreSQL 10: 150003 is 15.3. */
static void write_version(int number, char *out, size_t size)
{
    snprintf(out, size, "%d.%d", number / 10000, number % 10000);
}

struct library db_library(void)
{
    struct library library = {.name = "libpq"};
    write_version(PG_VERSION_NUM, library.built, sizeof library.built);
    write_version(PQlibVersion(), library.found, sizeof library.found);
    return library;
}

/* ---- what SQLSTATEs mean ---------------------------------------------------------------------- */

enum
{
    STATE_SIZE = 6
};

static const char read_only_state[] = "25006";
static const char login_class[] = "28";

/* SQLSTATE prefixes, longest first; https://www.postgresql.org/docs/15/errcodes-appendix.html
 * Behind a colon stands what an operator can do about it. */
static const struct meaning
{
    const char *prefix;
    enum err_code code;
    const char *text;
} states[] = {
    {"23505", E_CONFLICT, "it is there already"},
    {"23P01", E_CONFLICT, "it is there already"},
    {"21000", E_CONFLICT, "it is there already, in the same statement"},
    {"23503", E_NOT_FOUND, "something it refers to does not exist"},
    {"23", E_INVALID, "a value is not allowed"},
    {"22", E_INVALID, "a value is not allowed"},
    {"28P01", E_DATABASE, "PostgreSQL refuses the password: mend DATABASE_URL, or the password of its role"},
    {"28", E_DATABASE, "PostgreSQL does not let this role in: mend DATABASE_URL, the role, or pg_hba.conf"},
    {"3D000", E_DATABASE, "PostgreSQL has no such database: make it, or mend DATABASE_URL"},
    {"40", E_DATABASE, "the database asks to try again"},
    {"26000", E_DATABASE, DB_TEXT_POOLER}, /* prepared in another session, or by another client in this one */
    {"42P05", E_DATABASE, DB_TEXT_POOLER},
    {"42703", E_BUG, "the database lacks a table or column that this program uses: restore it from a backup"},
    {"42P01", E_BUG, "the database lacks a table or column that this program uses: restore it from a backup"},
    {"42501", E_DATABASE,
     "the database does not allow this role what Sokoul does: give it the rights of the owner"},
    {"55000", E_DATABASE, "the database takes no connections: ALTER DATABASE with ALLOW_CONNECTIONS true"},
    {"54", E_INVALID, "a value is too long"},
    {"25P03", E_DATABASE, "the database ended a transaction that took too long"},
    {"25P", E_DATABASE, "a statement before it failed, and with it the transaction"},
    {"55P03", E_TIMEOUT, "the row stayed locked"},
    {"57014", E_TIMEOUT, "the database statement took too long"},
    {"57", E_DATABASE, "the database is shutting down or restarting"},
    {"53100", E_DATABASE, "the disk of the database is full: make room"},
    {"53300", E_DATABASE, "the database takes no more connections: raise max_connections, or end some"},
    {"53", E_DATABASE, "the database is out of resources"},
    {"08", E_DATABASE, "lost the database connection"},
    {read_only_state, E_DATABASE, "the database is read-only"},
    {"58", E_DATABASE, "the database has trouble with its files"},
    {"XX", E_DATABASE, "the database has trouble with its files"},
};

/* NULL: there is no SQLSTATE, or no row for it. */
static const struct meaning *meaning_of(const char *state)
{
    for (size_t i = 0; state != NULL && i < sizeof states / sizeof states[0]; i++)
        if (strncmp(state, states[i].prefix, strlen(states[i].prefix)) == 0)
            return &states[i];
    return NULL;
}

/* ---- a connection ----------------------------------------------------------------------------- */

struct db *connection_new(struct db_pool *pool, const struct db_settings *settings)
{
    struct db *db = calloc(1, sizeof *db);
    if (db != NULL)
    {
        db->pool = pool;
        db->settings = settings;
    }
    return db;
}

void connection_close(struct db *db)
{
    if (db->conn != NULL)
        PQfinish(db->conn);
    db->conn = NULL;
    db->listening = false;
    db->unfit = false;
    db->prepared_count = 0;
    memset(db->prepared, 0, sizeof db->prepared);
}

void connection_free(struct db *db)
{
    if (db == NULL)
        return;
    connection_close(db);
    free(db);
}

static void ignore_notice(void *of, const PGresult *result)
{
    (void)of;
    (void)result;
}

enum
{
    SLICE_MS = 250 /* how often a waiting call asks whether the server is away */
};

static bool is_away(const struct db_settings *settings)
{
    return settings->away != NULL && settings->away(settings->away_of);
}

enum err_code connection_wait(struct db *db, enum connection_wait what, int64_t until_ms, struct err *err)
{
    static const short events[] = {
        [WAIT_READ] = POLLIN, [WAIT_WRITE] = POLLOUT, [WAIT_BOTH] = POLLIN | POLLOUT};
    for (;;)
    {
        int64_t left = until_ms - clock_mono_ms();
        struct pollfd poll_fd = {.fd = PQsocket(db->conn), .events = events[what]};
        int n = left <= 0 ? 0 : poll(&poll_fd, 1, (int)(left < SLICE_MS ? left : SLICE_MS));
        if (n > 0)
            return E_OK;
        if (n < 0 && errno != EINTR)
            return fail(err, E_DATABASE, "lost the database connection");
        if (left <= 0)
            return fail(err, E_TIMEOUT, "the database did not answer in time");
        if (is_away(db->settings))
            return fail(err, E_DATABASE, "the database does not answer");
    }
}

/* A refused connect has no result, so its SQLSTATE is read from the end of the message.  NULL: there is none,
 * since no server answered. */
static const char *refusal_of(const PGconn *conn, char state[STATE_SIZE])
{
    const char *text = PQerrorMessage(conn);
    size_t len = strlen(text);
    while (len > 0 && text[len - 1] == '\n')
        len--;
    if (len < STATE_SIZE || text[len - STATE_SIZE] != ' ')
        return NULL;
    memcpy(state, text + len - STATE_SIZE + 1, STATE_SIZE - 1);
    state[STATE_SIZE - 1] = '\0';
    return strspn(state, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == STATE_SIZE - 1 ? state : NULL;
}

static enum err_code refused(struct db *db, struct err *err)
{
    char text[STATE_SIZE];
    const char *state = refusal_of(db->conn, text);
    const struct meaning *meaning = meaning_of(state);
    db->shut_out = state != NULL && strncmp(state, login_class, strlen(login_class)) == 0;
    log_debug("db_error", "connect: %s", PQerrorMessage(db->conn));
    return fail(err, E_DATABASE, "%s", meaning != NULL ? meaning->text : "cannot connect to the database");
}

static enum err_code connect_poll(struct db *db, int64_t until_ms, struct err *err)
{
    enum err_code code = E_OK;
    PostgresPollingStatusType status = PGRES_POLLING_WRITING;
    while (code == E_OK && status != PGRES_POLLING_OK)
    {
        if (status == PGRES_POLLING_FAILED)
            return refused(db, err);
        code = connection_wait(db, status == PGRES_POLLING_READING ? WAIT_READ : WAIT_WRITE, until_ms, err);
        if (code == E_OK)
            status = PQconnectPoll(db->conn);
    }
    return code == E_TIMEOUT ? fail(err, E_DATABASE, "connecting to the database took too long") : code;
}

/* Sessions run in UTC, never use a cached plan made for other sizes, and end a statement by themselves a
 * little before our own deadline. */
static enum err_code connect_settle(struct db *db, struct err *err)
{
    static const char lookups[] =
        "; SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_hashjoin = off; "
        "SET enable_mergejoin = off; SET enable_bitmapscan = off; SET enable_memoize = off";
    char set[512];
    snprintf(set, sizeof set,
             "SET timezone = 'UTC'; SET datestyle = 'ISO'; SET plan_cache_mode = force_custom_plan; "
             "SET jit = off; SET statement_timeout = %d; SET idle_in_transaction_session_timeout = 10000%s",
             db->settings->statement_ms, db->settings->plans == DB_PLANS_LOOKUPS ? lookups : "");
    return db_script(db, set, err);
}

/* Servers since version 14 report both when they connect, and each change. */
static bool is_read_only(const PGconn *conn)
{
    static const char *const names[] = {"in_hot_standby", "default_transaction_read_only"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    {
        const char *value = PQparameterStatus(conn, names[i]);
        if (value != NULL && strcmp(value, "on") == 0)
            return true;
    }
    return false;
}

bool connection_is_fit(const struct db *db)
{
    return !db->unfit && PQstatus(db->conn) == CONNECTION_OK && is_read_only(db->conn) == db->read_only;
}

static enum err_code connect_at(struct db *db, const char *url, struct err *err)
{
    const char *const names[] = {"dbname", "application_name", "client_encoding", "keepalives_idle", NULL};
    const char *const values[] = {url, db->settings->name, "UTF8", "10", NULL};
    connection_close(db);
    db->shut_out = false;
    db->url = url;
    db->conn = PQconnectStartParams(names, values, 1);
    if (db->conn == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    enum err_code code = E_OK;
    PQsetErrorVerbosity(db->conn, PQERRORS_SQLSTATE);
    PQsetNoticeReceiver(db->conn, ignore_notice, NULL); /* also of a server that ends while we connect */
    if (PQstatus(db->conn) == CONNECTION_BAD)
        code = refused(db, err);
    else
        code = connect_poll(db, clock_mono_ms() + db->settings->connect_ms, err);
    if (code == E_OK)
    {
        PQsetnonblocking(db->conn, 1);
        db->read_only = is_read_only(db->conn);
        code = connect_settle(db, err);
    }
    if (code == E_OK && db->settings->check != NULL)
        code = db->settings->check(db, err);
    if (code != E_OK)
        connection_close(db);
    return code;
}

/* The settings may have a new password before the role has it: then the one before still lets us in. */
static enum err_code connect_now(struct db *db, struct err *err)
{
    const unsigned turn = moved_turn();
    const struct moved moved = moved_look(db->settings->url);
    db->turn = turn;
    enum err_code code = connect_at(db, moved.now, err);
    struct err ignored = ERR_INIT;
    if (code == E_OK || !db->shut_out || moved.before == NULL ||
        connect_at(db, moved.before, &ignored) != E_OK)
        return code;
    log_warn("db_login", "PostgreSQL refuses the login that DATABASE_URL has now; the one before lets us in");
    return E_OK;
}

bool db_has_moved(const struct db *db)
{
    return db->conn != NULL && db->turn != moved_turn() &&
           strcmp(db->url, moved_look(db->settings->url).now) != 0;
}

/* The one that works goes when the other is there, and not at all when there is no other. */
static void connect_elsewhere(struct db *db)
{
    struct err err = ERR_INIT;
    struct db *next = connection_new(db->pool, db->settings);
    db->turn = moved_turn();
    if (next != NULL && connect_now(next, &err) == E_OK)
    {
        connection_close(db);
        db->conn = next->conn;
        db->url = next->url;
        db->turn = next->turn;
        db->read_only = next->read_only;
        next->conn = NULL;
    }
    else
        log_warn("db_login", "DATABASE_URL has changed and does not work, the connection before is kept: %s",
                 err.text);
    connection_free(next);
}

/* A server that went away while the connection was idle has closed the socket, and one that was demoted has
 * sent a notice: both are seen without a round trip. */
static bool has_died(struct db *db)
{
    if (!connection_is_fit(db))
        return true;
    struct pollfd poll_fd = {.fd = PQsocket(db->conn), .events = POLLIN};
    if (poll(&poll_fd, 1, 0) <= 0)
        return false;
    return PQconsumeInput(db->conn) == 0 || PQisBusy(db->conn) || !connection_is_fit(db);
}

enum err_code connection_ready(struct db *db, struct err *err)
{
    if (db->conn != NULL && !has_died(db))
    {
        if (db_has_moved(db))
            connect_elsewhere(db);
        return E_OK;
    }
    if (is_away(db->settings))
        return fail(err, E_DATABASE, "the database does not answer");
    return connect_now(db, err);
}

enum err_code connection_flush(struct db *db, int64_t until_ms, struct err *err)
{
    for (;;)
    {
        int left = PQflush(db->conn);
        if (left == 0)
            return E_OK;
        if (left < 0)
            return translate(db, NULL, "send", err);
        enum err_code code = connection_wait(db, WAIT_BOTH, until_ms, err);
        if (code != E_OK)
            return code;
        if (PQconsumeInput(db->conn) == 0)
            return translate(db, NULL, "receive", err);
    }
}

enum err_code connection_result(struct db *db, int64_t until_ms, PGresult **result, struct err *err)
{
    while (PQisBusy(db->conn))
    {
        enum err_code code = connection_wait(db, WAIT_READ, until_ms, err);
        if (code != E_OK)
            return code;
        if (PQconsumeInput(db->conn) == 0)
            return translate(db, NULL, "receive", err);
    }
    *result = PQgetResult(db->conn);
    return E_OK;
}

enum err_code translate(struct db *db, const PGresult *result, const char *what, struct err *err)
{
    const char *state = result != NULL ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    if (state == NULL || PQstatus(db->conn) != CONNECTION_OK)
    {
        log_debug("db_error", "%s: connection lost: %s", what, PQerrorMessage(db->conn));
        return fail(err, E_DATABASE, "lost the database connection");
    }
    const struct meaning *meaning = meaning_of(state);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    if (meaning == NULL || meaning->code == E_BUG)
    {
        log_error("db_bug", "%s: %s %s", what, state, message);
        return fail(err, E_BUG, "%s", meaning != NULL ? meaning->text : "the database refused a statement");
    }
    log_debug("db_error", "%s: %s %s", what, state, message);
    db->unfit = db->unfit || strcmp(state, read_only_state) == 0;
    return fail(err, meaning->code, "%s", meaning->text);
}
