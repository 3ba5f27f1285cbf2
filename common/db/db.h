/* SPDX-License-Identifier: Apache-2.0 */
/*
 * db.h -- the door to Postgres (libpq).
 *
 * A pool holds at most `size` connections; db_get waits for a free one, db_put gives it back
 * (a transaction that is still open is rolled back there).  When DATABASE_URL changes (moved.h), new
 * connections are made with what it says now, and each old one is replaced when it is got next.  Statements
 * are static const descriptors; each is prepared on a connection the first time it is used there.  Parameters
 * are text, always bound, never pasted.  Every call has a deadline: past it the connection is
 * closed and the call fails with E_TIMEOUT.
 *
 *     static const struct db_stmt find = {"user_find", "SELECT ... WHERE id = $1", 1};
 *     const char *params[] = {id};
 *     code = db_run(db, &find, params, &rows, err);
 *     for (int i = 0; i < db_rows(rows); i++) ... db_text(rows, i, 0)
 *     db_rows_free(rows);
 *
 * Errors: E_DATABASE the server is away, restarting, read-only or full (the whole transaction
 * may be tried again later); E_TIMEOUT; E_CONFLICT unique violation; E_NOT_FOUND foreign key
 * violation; E_INVALID another constraint or a bad value; E_UNAVAILABLE pool exhausted; E_BUG
 * the statement is wrong.  After a failed db_commit with E_DATABASE the outcome is in doubt.
 *
 * Threads: the pool is shared; a connection belongs to the thread that got it.  Calls block.
 */
#ifndef SOKOUL_COMMON_DB_DB_H
#define SOKOUL_COMMON_DB_DB_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/library.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Prepared statements, LISTEN and settings belong to a session: a pooler has to give each client its own. */
#define DB_TEXT_POOLER                                                                                       \
    "a pooler before PostgreSQL shares sessions: set its pool_mode to session, or name PostgreSQL itself "   \
    "in "                                                                                                    \
    "DATABASE_URL"

struct db_pool;
struct db;
struct db_rows;

/* What the planner may choose on a pool's connections. */
enum db_plans
{
    DB_PLANS_ANY,
    /* Nested loops over indexes, planned once: for statements that find rows by key, whatever the statistics
     * say. A batch of 500 keys in a table that looks small would be a scan of all of it, the first few of
     * many would be all of them sorted, and planning a statement for one key takes longer than running it.
     * No key is looked up twice, so results are not memoized. */
    DB_PLANS_LOOKUPS
};

struct db_pool_config
{
    const char *url;  /* postgresql://...; copied */
    const char *name; /* application_name; copied */
    int size;         /* connections at most */
    int get_wait_ms;  /* how long db_get waits for a free one; 0: 30,000 */
    int statement_ms; /* deadline of one call; 0: 30,000 */
    int connect_ms;   /* deadline of a connect; 0: 5,000 */
    enum db_plans plans;
    /* Called with each new connection before anybody gets it; its failure fails the connect. NULL: none. */
    enum err_code (*check)(struct db *db, struct err *err);
    /* Called before a connect and a few times a second while a call waits. True: the server is known to be
     * away, or is not to be waited for any more; then the call fails with E_DATABASE at once instead of at
     * its deadline. NULL: never. Must not block. */
    bool (*away)(void *of);
    void *away_of;
};

/* `params` is their number, plus DB_TEXTS(n) for each parameter $n, n up to 16, that is a text[] of
 * db_param_column, and DB_UUIDS(n), n up to 7, for a uuid[]: sent as they lie in memory, which spares both
 * sides a reading of every byte. */
#define DB_TEXTS(n) (1 << (7 + (n)))
#define DB_UUIDS(n) (1 << (23 + (n)))
struct db_stmt
{
    const char *name; /* unique among all statements of the product */
    const char *sql;
    int params;
};
int db_stmt_params(const struct db_stmt *stmt);

struct library db_library(void);

/* Does not connect yet. */
MUST_USE enum err_code db_pool_open(const struct db_pool_config *config, struct db_pool **pool,
                                    struct err *err);
void db_pool_close(struct db_pool *pool); /* every connection must have been put back */

/* Waits for a free connection of the pool and connects when needed. */
MUST_USE enum err_code db_get(struct db_pool *pool, struct db **db, struct err *err);
void db_put(struct db *db); /* NULL is fine */

/* DATABASE_URL is another one than this connection was made with: who holds it for long gives it back and
 * gets one that is new. */
bool db_has_moved(const struct db *db);

/* Runs one statement, inside a transaction if one is open.  `rows` may be NULL when none are wanted. */
MUST_USE enum err_code db_run(struct db *db, const struct db_stmt *stmt, const char *const *params,
                              struct db_rows **rows, struct err *err);

/* Many statements in one round trip (libpq pipeline), as one implicit transaction when none is
 * open.  rows[i] is of the i-th, freed by the caller; on failure none is kept. */
enum
{
    DB_MAX_CALLS = 256
};
struct db_call
{
    const struct db_stmt *stmt;
    const char *const *params;
};
MUST_USE enum err_code db_run_all(struct db *db, const struct db_call *calls, size_t count,
                                  struct db_rows **rows, struct err *err);

MUST_USE enum err_code db_begin(struct db *db, struct err *err);
MUST_USE enum err_code db_commit(struct db *db, struct err *err);
void db_rollback(struct db *db); /* harmless without a transaction */

/* Runs SQL text that may hold several statements: migrations only. */
MUST_USE enum err_code db_script(struct db *db, const char *sql, struct err *err);

/* Listens on a notification channel; does nothing when this connection does already. */
MUST_USE enum err_code db_listen(struct db *db, const char *channel, struct err *err);
/* Waits for a notification, for `fd` (-1: none) to become readable, or for the time to pass.
 * E_DATABASE: the connection is gone, or has moved. Notifications that came are thrown away; *notified (may
 * be NULL): there were some. */
MUST_USE enum err_code db_wait(struct db *db, int fd, int wait_ms, bool *notified, struct err *err);

int db_rows(const struct db_rows *rows);
int db_affected(const struct db_rows *rows); /* rows touched by INSERT, UPDATE, DELETE */
const char *db_text(const struct db_rows *rows, int row, int column); /* NULL when SQL NULL */
int64_t db_int(const struct db_rows *rows, int row, int column, int64_t otherwise);
double db_number(const struct db_rows *rows, int row, int column, double otherwise);
bool db_bool(const struct db_rows *rows, int row, int column); /* NULL is false */
/* A timestamptz selected as it is (sessions run in UTC): wall ms; `otherwise` when NULL. */
int64_t db_time(const struct db_rows *rows, int row, int column, int64_t otherwise);
void db_rows_free(struct db_rows *rows); /* NULL is fine */

/* Frees the rows together with the arena; answers `take`, NULL if the arena is full. */
struct db_rows *db_rows_keep(struct db_rows *take, struct arena *arena);

/* Parameters from numbers, in the arena. */
const char *db_param_int(struct arena *arena, int64_t value);
const char *db_param_time(struct arena *arena, int64_t wall_ms);
/* An array literal: {"a","b",NULL}; elements are quoted and escaped here. NULL when out of memory. */
const char *db_param_array(struct arena *arena, const char *const *items, size_t count);
/* The array for parameter n (from 1) of a statement, in the form that it takes there. */
const char *db_param_column(struct arena *arena, const struct db_stmt *stmt, int n, const char *const *items,
                            size_t count);

struct db_pool_stats
{
    int size;
    int open;   /* connected */
    int in_use; /* between db_get and db_put */
    uint64_t waits;
    uint64_t exhausted;
};
struct db_pool_stats db_pool_stats(struct db_pool *pool);

#endif
