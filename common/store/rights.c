/* SPDX-License-Identifier: Apache-2.0 */
#include "common/store/rights.h"

#define ALL "SELECT, INSERT, UPDATE, DELETE"
#define ADD "SELECT, INSERT, DELETE" /* what was said is not said differently later */
#define LOOK "SELECT"
#define CLEAN "SELECT, DELETE"

/*
 * X(table, sokoul_api, sokoul_worker, sokoul_reader), "" for nothing.
 *
 * Passwords and tokens are the API's alone.  Retention runs in whatever program has the sweeper's turn, hence
 * the workers may delete what is old, and see of it the columns that say how old it is.
 */
#define RIGHTS(X)                                                                                            \
    X("users", ALL, "SELECT (id, username, email, role)",                                                    \
      "SELECT (id, username, email, role, created_at, updated_at)")                                          \
    X("refresh_tokens", ALL, "SELECT (ctid, user_id, expires_at, used_at), DELETE",                          \
      "SELECT (id, user_id, family, created_at, expires_at, used_at, revoked_at)")                           \
    X("revocations", ALL, "SELECT (subject, expires_at), UPDATE (expires_at), DELETE", LOOK)                 \
    X("idempotency_keys", ALL, "SELECT (created_at), DELETE", "SELECT (user_id, route, created_at)")         \
    X("media", ALL, ALL, LOOK)                                                                               \
    X("releases", ALL, ALL, LOOK)                                                                            \
    X("favorites", ALL, CLEAN, LOOK)                                                                         \
    X("watch_history", ALL, CLEAN, LOOK)                                                                     \
    X("inspections", ALL, CLEAN, LOOK)                                                                       \
    X("torrents", ALL, ALL, LOOK)                                                                            \
    X("torrent_claims", ALL, ALL, LOOK)                                                                      \
    X("torrent_files", ALL, ALL, LOOK)                                                                       \
    X("downloads", ALL, ALL, LOOK)                                                                           \
    X("jobs", ALL, ALL, LOOK)                                                                                \
    X("job_results", ALL, ALL, LOOK)                                                                         \
    X("job_history", ADD, ADD, LOOK)                                                                         \
    X("job_windows", ALL, ALL, LOOK)                                                                         \
    X("job_limits", ALL, ALL, LOOK)                                                                          \
    X("schedules", ALL, "SELECT, UPDATE", LOOK)                                                              \
    X("dead_letters", ALL, ALL, LOOK)                                                                        \
    X("outbox", ALL, ALL, LOOK)                                                                              \
    X("crowds", ALL, ALL, LOOK)                                                                              \
    X("relay_batches", ADD, ADD, LOOK)                                                                       \
    X("stream_state", ALL, ALL, LOOK)                                                                        \
    X("workers", ALL, ALL, LOOK)                                                                             \
    X("claims", ALL, ALL, LOOK)                                                                              \
    X("logs", ADD, "SELECT (id, at, action), DELETE", LOOK)                                                  \
    X("schema_migrations", LOOK, LOOK, LOOK)

#define API_ROW(table, api, worker, reader) "('" table "', '" api "'),"
#define WORKER_ROW(table, api, worker, reader) "('" table "', '" worker "'),"
#define READER_ROW(table, api, worker, reader) "('" table "', '" reader "'),"

/* Wake-ups take their number before they are inserted. */
#define NUMBERS(role) " GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO " role ";"

/* A table may be missing: migrations of a release before were applied from a folder. */
#define GIVEN(row) "(VALUES " RIGHTS(row) " (NULL, '')) AS r(what, may)"
#define GRANT(role, row, more)                                                                               \
    "DO $$ DECLARE given record; BEGIN"                                                                      \
    " IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '" role "') THEN RETURN; END IF;"                  \
    " REVOKE ALL ON ALL TABLES IN SCHEMA public FROM " role ";"                                              \
    " FOR given IN SELECT r.* FROM " GIVEN(row) " WHERE may <> '' AND to_regclass(what) IS NOT NULL"         \
                                                " LOOP EXECUTE format('GRANT %s ON %I TO " role              \
                                                "', given.may, given.what); END LOOP;" more " END $$"

static const char *const grants[] = {
    GRANT("sokoul_api", API_ROW, NUMBERS("sokoul_api")),
    GRANT("sokoul_worker", WORKER_ROW, NUMBERS("sokoul_worker")),
    GRANT("sokoul_reader", READER_ROW, ""),
};

enum err_code rights_store_grant(struct db *db, struct err *err)
{
    enum err_code code = db_begin(db, err);
    for (size_t i = 0; code == E_OK && i < sizeof grants / sizeof grants[0]; i++)
        code = db_script(db, grants[i], err);
    if (code == E_OK)
        return db_commit(db, err);
    db_rollback(db);
    return code;
}
