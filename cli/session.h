/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.h -- what a verb has to work with: options, settings, the database, an arena.
 *
 * Made by main(), one per run.  The database is reached on demand.  Answers go to stdout,
 * everything else to stderr.  One thread.
 */
#ifndef SOKOUL_CLI_SESSION_H
#define SOKOUL_CLI_SESSION_H

#include "cli/exit.h"
#include "cli/options.h"
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/conf/conf.h"
#include "common/db/db.h"

#include <stdio.h>

struct session
{
    struct options options;
    const char **args; /* the words behind the verb */
    size_t arg_count;
    enum verdict verdict; /* what the verb found; only looked at when it did not fail */
    struct arena *arena;
    struct conf *conf; /* NULL for verbs that need no settings */
    struct db_pool *pool;
    struct db *db; /* see session_db */
};

enum
{
    SESSION_ARENA_BYTES = 512 << 20,
    SESSION_OUTPUT_BYTES = 256 << 20,
    SESSION_STATEMENT_MS = 30000,
    SESSION_SLOW_MS = 600000 /* migrations */
};

MUST_USE enum err_code session_open(struct session *session, int argc, char *const *argv, struct err *err);
MUST_USE enum err_code session_load(struct session *session, struct err *err); /* the settings */
void session_close(struct session *session);

/* The connection; made, or made anew when it was dropped.  It belongs to the session. */
MUST_USE enum err_code session_db(struct session *session, struct db **db, struct err *err);
/* For what looks at the schema itself: a database that is behind it is taken too, and a statement may take so
 * long.  Before the first session_db. */
MUST_USE enum err_code session_any_schema(struct session *session, int statement_ms, struct err *err);
/* Gives the connection back; the next session_db looks whether it still lives. */
void session_db_drop(struct session *session);

/* Whether the error is one of a server, and may pass by itself. */
bool session_may_pass(enum err_code code);
/* Sleeps 100 ms, then twice as long each time up to 1 s.  False when `until_ms` (monotonic) is over. */
bool session_back_off(int *wait_ms, int64_t until_ms);

bool session_json(const struct session *session);
/* Writes a text as a terminal may have it: what is not seen is escaped (utf8_show_step). */
bool session_write(FILE *out, const char *text, size_t len);
/* Writes the buffer so to stdout, with a newline, and empties it.  E_UNAVAILABLE: stdout is closed or full.
 */
MUST_USE enum err_code session_print(struct buf *buf, struct err *err);

#endif
