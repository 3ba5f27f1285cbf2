/* SPDX-License-Identifier: Apache-2.0 */
/*
 * internal.h -- what the files of this room share: the connection and its life.
 * Nobody outside common/db includes it.
 */
#ifndef SOKOUL_COMMON_DB_INTERNAL_H
#define SOKOUL_COMMON_DB_INTERNAL_H

#include "common/db/db.h"

#include <libpq-fe.h>
#include <pthread.h>

enum
{
    DB_PREPARED_SLOTS = 1024 /* open-addressed set of statements prepared on a connection; a power of two */
};

static inline bool takes_texts(const struct db_stmt *stmt, int n)
{
    return (stmt->params & DB_TEXTS(n)) != 0;
}

static inline bool takes_uuids(const struct db_stmt *stmt, int n)
{
    return n <= 7 && (stmt->params & DB_UUIDS(n)) != 0;
}

struct db_settings
{
    char *url;
    char *name;
    int statement_ms;
    int connect_ms;
    enum db_plans plans;
    enum err_code (*check)(struct db *db, struct err *err);
    bool (*away)(void *of);
    void *away_of;
};

struct db
{
    struct db *next;      /* in the pool's idle stack */
    struct db_pool *pool; /* where it goes back to */
    const struct db_settings *settings;
    PGconn *conn;    /* NULL: not connected */
    const char *url; /* that it was made with: lives as long as the process (moved.h) or the settings */
    unsigned turn;   /* of moved.h, when that was looked up */
    bool shut_out;   /* the server refused the user or the password */
    bool listening;
    bool read_only; /* by the server's word when we connected */
    bool unfit; /* the server takes no writes any more: to be closed, so that the next connect looks anew */
    int prepared_count;
    const struct db_stmt *prepared[DB_PREPARED_SLOTS];
};

struct db *connection_new(struct db_pool *pool, const struct db_settings *settings);
void connection_free(struct db *db);
/* Connected and usable, or an error; reconnects what has died. */
MUST_USE enum err_code connection_ready(struct db *db, struct err *err);
void connection_close(struct db *db);
/* Alive, and as fit for writing as it was when we connected. Without a round trip: the server reports
 * changes. */
bool connection_is_fit(const struct db *db);

/* Waits until the socket can be read (or written) or the deadline is over. */
enum connection_wait
{
    WAIT_READ,
    WAIT_WRITE,
    WAIT_BOTH
};
MUST_USE enum err_code connection_wait(struct db *db, enum connection_wait what, int64_t until_ms,
                                       struct err *err);
/* Sends what libpq has buffered, and reads meanwhile. */
MUST_USE enum err_code connection_flush(struct db *db, int64_t until_ms, struct err *err);
/* The next result, NULL when the statement is through. */
MUST_USE enum err_code connection_result(struct db *db, int64_t until_ms, PGresult **result, struct err *err);

/* The code for a failed result or connection; the only translator of SQLSTATEs. */
enum err_code translate(struct db *db, const PGresult *result, const char *what, struct err *err);

void pool_give_back(struct db_pool *pool, struct db *db);

bool prepared_has(const struct db *db, const struct db_stmt *stmt);
void prepared_add(struct db *db, const struct db_stmt *stmt);

struct db_rows *rows_of(PGresult *take);

#endif
