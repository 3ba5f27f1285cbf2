/* SPDX-License-Identifier: Apache-2.0 */
#include "common/store/rights.h"

#define ALL "SELECT, INSERT, UPDATE, DELETE"
#define ADD "SELECT, INSERT, DELETE" /* rows are never changed */
#define LOOK "SELECT"
#define CLEAN "SELECT, DELETE"

/*
 * X(relation, sokoul_api, sokoul_worker, sokoul_reader), "" for nothing.
 *
 * Only the API may read passwords and tokens.  Retention runs in the program that heals, hence the workers
 * may delete old rows of every table, and read the columns that tell their age.
 */
#define RIGHTS(X)                                                                                            \
    X("users", ALL, "SELECT (id, username, email, role, disabled_at)",                                       \
      "SELECT (id, username, email, role, created_at, updated_at, disabled_at)")                             \
    X("password_asks", ALL, CLEAN, "")                                                                       \
    X("password_resets", ALL, "SELECT (ctid, expires_at), INSERT, DELETE",                                   \
      "SELECT (user_id, created_at, expires_at)")                                                            \
    X("login_failures", ALL, "SELECT (ctid, at), DELETE", LOOK)                                              \
    X("invitations", ALL, "SELECT (ctid, expires_at), DELETE",                                               \
      "SELECT (id, role, created_by, created_at, expires_at, used_at, used_by)")                             \
    X("refresh_tokens", ALL, "SELECT (ctid, user_id, expires_at, used_at), DELETE",                          \
      "SELECT (id, user_id, family, created_at, expires_at, used_at, revoked_at)")                           \
    X("api_keys", ALL, "SELECT (ctid, expires_at), DELETE",                                                  \
      "SELECT (id, user_id, name, scopes, created_at, last_used_at, expires_at)")                            \
    X("totp", ALL, "SELECT (ctid, created_at, confirmed_at), DELETE",                                        \
      "SELECT (user_id, created_at, confirmed_at)")                                                          \
    X("recovery_codes", ALL, "", "")                                                                         \
    X("avatars", ALL, "", LOOK)                                                                              \
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
    X("job_interests", ALL, "", LOOK)                                                                        \
    X("job_windows", ALL, ALL, LOOK)                                                                         \
    X("job_limits", ALL, ALL, LOOK)                                                                          \
    X("schedules", ALL, "SELECT, UPDATE", LOOK)                                                              \
    X("dead_letters", ALL, ALL, LOOK)                                                                        \
    X("outgoing", ALL, ALL, LOOK)                                                                            \
    X("outbox", ALL, ALL, LOOK)              /* and crowds: for programs of version 0.1.0 */                 \
    X("outbox_id_seq", "USAGE", "USAGE", "") /* wake-ups take their number before they are inserted */       \
    X("crowds", ALL, ALL, LOOK)                                                                              \
    X("relay_batches", ADD, ADD, LOOK)                                                                       \
    X("stream_state", ALL, ALL, LOOK)                                                                        \
    X("workers", ALL, ALL, LOOK)                                                                             \
    X("claims", ALL, ALL, LOOK)                                                                              \
    X("logs", ADD, "SELECT (id, at, action), DELETE", LOOK)                                                  \
    X("log_seals", LOOK, LOOK, LOOK) /* written by functions of the owner, as what follows */                \
    X("log_chain", LOOK, LOOK, LOOK)                                                                         \
    X("schema_migrations", LOOK, LOOK, LOOK)

#define API_ROW(relation, api, worker, reader) "('" relation "', '" api "'),"
#define WORKER_ROW(relation, api, worker, reader) "('" relation "', '" worker "'),"
#define READER_ROW(relation, api, worker, reader) "('" relation "', '" reader "'),"

/*
 * Rights are granted on relations that the migrating role owns, and not to their owner, who would lose rights
 * by it. A role that is not there is NULL, which differs from nothing; so is a relation that is not there.
 */
#define GRANT(role, given)                                                                                   \
    "DO $$ DECLARE r record; BEGIN"                                                                          \
    " FOR r IN SELECT t.* FROM (VALUES " given " (NULL, '')) AS t(what, may)"                                \
    "   JOIN pg_class c ON c.oid = to_regclass(t.what)"                                                      \
    "   WHERE pg_has_role(c.relowner, 'USAGE') AND c.relowner <> to_regrole('" role "') LOOP"                \
    "   EXECUTE format('REVOKE ALL ON %I FROM " role "', r.what);"                                           \
    "   IF r.may <> '' THEN EXECUTE format('GRANT %s ON %I TO " role "', r.may, r.what); END IF;"            \
    " END LOOP; END $$"

static const char *const grants[] = {
    GRANT("sokoul_api", RIGHTS(API_ROW)),
    GRANT("sokoul_worker", RIGHTS(WORKER_ROW)),
    GRANT("sokoul_reader", RIGHTS(READER_ROW)),
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
