/* SPDX-License-Identifier: Apache-2.0 */
#include "common/store/retention.h"

#include "common/base/id.h"
#include "common/store/jobs.h"

/* The newest of each user's stay. */
#define BEYOND(table, at, max)                                                                               \
    "DELETE FROM " table " WHERE ctid = ANY (ARRAY(SELECT o.ctid FROM (SELECT user_id FROM " table           \
    " GROUP BY user_id HAVING count(*) > " max ") u CROSS JOIN LATERAL (SELECT t.ctid FROM " table           \
    " t WHERE t.user_id = u.user_id ORDER BY t." at " DESC OFFSET " max ") o LIMIT $1::bigint))"
#define OLD(table, condition)                                                                                \
    "DELETE FROM " table " WHERE ctid = ANY (ARRAY(SELECT ctid FROM " table " t WHERE " condition            \
    " LIMIT $1::bigint))"
#define KEPT_DAYS "now() - $2::bigint * interval '1 day'"

/* Skips locked rows: a transaction that takes a role from a user at this moment must not wait for this, nor
 * this for it. */
static const struct db_stmt revocations = {
    "retain_revocations",
    "DELETE FROM revocations WHERE subject IN (SELECT subject FROM revocations WHERE expires_at <= now()"
    " LIMIT $1::bigint FOR UPDATE SKIP LOCKED)",
    1};

static const struct db_stmt watch_history = {"retain_watch_history",
                                             BEYOND("watch_history", "watched_at", "10000"), 1};
static const struct db_stmt favorites = {"retain_favorites", BEYOND("favorites", "created_at", "10000"), 1};

/* A used token is kept to recognise its second use; of a user who refreshes without end, only for a while. */
static const struct db_stmt refresh_tokens = {
    "retain_refresh_tokens",
    OLD("refresh_tokens",
        "expires_at < now() - interval '1 day' OR (used_at < now() - interval '1 hour' AND user_id IN "
        "(SELECT user_id FROM refresh_tokens GROUP BY user_id HAVING count(*) > 1000))"),
    1};

/* A question is kept for as long as its mail may wait for a mail server. */
static const struct db_stmt password_asks = {
    "retain_password_asks",
    OLD("password_asks", "NOT EXISTS (SELECT 1 FROM unnest(t.asked) at WHERE at > now() - interval '1 day')"),
    1};
static const struct db_stmt password_resets = {"retain_password_resets",
                                               OLD("password_resets", "expires_at < now()"), 1};
static const struct db_stmt login_failures = {"retain_login_failures",
                                              OLD("login_failures", "at < now() - interval '1 hour'"), 1};
static const struct db_stmt invitations = {"retain_invitations",
                                           OLD("invitations", "expires_at < now() - interval '30 days'"), 1};
static const struct db_stmt api_keys = {"retain_api_keys",
                                        OLD("api_keys", "expires_at < now() - interval '30 days'"), 1};

static const struct db_stmt totp = {
    "retain_totp", OLD("totp", "confirmed_at IS NULL AND created_at < now() - interval '1 day'"), 1};

static const struct db_stmt idempotency_keys = {
    "retain_idempotency_keys", OLD("idempotency_keys", "created_at < now() - interval '24 hours'"), 1};
static const struct db_stmt jobs = {
    "retain_jobs",
    "WITH old AS (SELECT job_id FROM jobs WHERE finished_at < " KEPT_DAYS
    "   AND status IN ('Completed', 'Failed') ORDER BY job_id LIMIT $1::bigint FOR UPDATE SKIP LOCKED),"
    " results AS (DELETE FROM job_results r USING old WHERE r.job_id = old.job_id),"
    " history AS (DELETE FROM job_history h USING old WHERE h.job_id = old.job_id)"
    " DELETE FROM jobs j USING old WHERE j.job_id = old.job_id",
    2};
static const struct db_stmt job_windows = {
    "retain_job_windows",
    OLD("job_windows", "until < now() - interval '1 hour' AND NOT EXISTS (SELECT 1 FROM jobs j"
                       " WHERE j.job_id = t.job_id AND j.status IN ('Pending', 'Running'))"),
    1};
static const struct db_stmt job_results = {
    "retain_job_results",
    OLD("job_results",
        "created_at < " KEPT_DAYS " AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.job_id = t.job_id)"),
    2};
static const struct db_stmt job_history = {
    "retain_job_history",
    "DELETE FROM job_history WHERE (job_id, at) IN (SELECT job_id, at FROM job_history t WHERE at "
    "< " KEPT_DAYS " AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.job_id = t.job_id) LIMIT $1::bigint)",
    2};
static const struct db_stmt dead_letters = {"retain_dead_letters",
                                            OLD("dead_letters", "closed_at < " KEPT_DAYS), 2};

static const struct db_stmt downloads = {
    "retain_downloads",
    OLD("downloads",
        "status IN ('Completed', 'Failed') AND ((wanted = 'delete' AND coalesce(finished_at, created_at) "
        "< " KEPT_DAYS
        ") OR (status = 'Failed' AND coalesce(finished_at, created_at) < now() - interval '90 days'))"),
    2};
static const struct db_stmt inspections = {"retain_inspections",
                                           OLD("inspections", "at < now() - interval '1 day'"), 1};
/* Claims about a torrent by users who neither download nor inspect it. */
static const struct db_stmt torrent_claims = {
    "retain_torrent_claims",
    OLD("torrent_claims",
        "claimed_at < now() - interval '1 day'"
        " AND NOT EXISTS (SELECT 1 FROM downloads d WHERE d.torrent_id = t.torrent_id AND d.user_id = "
        "t.user_id)"
        " AND NOT EXISTS (SELECT 1 FROM inspections i WHERE i.torrent_id = t.torrent_id AND i.user_id = "
        "t.user_id)"),
    1};
/* Of a torrent that was begun there may be files. */
static const struct db_stmt torrents = {
    "retain_torrents",
    "DELETE FROM torrents WHERE id IN (SELECT id FROM torrents t WHERE node IS NULL AND status <> 'Completed'"
    " AND created_at < now() - interval '1 day'"
    " AND NOT EXISTS (SELECT 1 FROM downloads d WHERE d.torrent_id = t.id)"
    " AND NOT EXISTS (SELECT 1 FROM inspections i WHERE i.torrent_id = t.id)"
    " LIMIT $1::bigint FOR UPDATE SKIP LOCKED)",
    1};
static const struct db_stmt left_begun = {
    "retain_left_begun",
    "SELECT id FROM torrents t WHERE node IS NOT NULL AND status <> 'Completed' AND created_at < "
    "now() - $1::bigint * interval '1 day'"
    " AND NOT EXISTS (SELECT 1 FROM downloads d WHERE d.torrent_id = t.id) LIMIT 100",
    1};

static const struct db_stmt releases = {
    "retain_releases",
    OLD("releases", "found_at < now() - interval '90 days' AND NOT EXISTS (SELECT 1 FROM downloads d WHERE "
                    "d.release_id = t.id AND d.status IN ('Pending', 'Running'))"),
    1};
static const struct db_stmt media = {
    "retain_media",
    "DELETE FROM media WHERE id IN (SELECT id FROM media t WHERE updated_at < now() - interval '90 days'"
    " AND NOT EXISTS (SELECT 1 FROM downloads d WHERE d.media_id = t.id)"
    " AND NOT EXISTS (SELECT 1 FROM favorites f WHERE f.media_id = t.id)"
    " AND NOT EXISTS (SELECT 1 FROM watch_history h WHERE h.media_id = t.id)"
    " AND NOT EXISTS (SELECT 1 FROM releases r WHERE r.media_id = t.id)"
    " LIMIT $1::bigint FOR UPDATE SKIP LOCKED)",
    1};

static const struct db_stmt logs = {"retain_logs", "SELECT logs_retire($1::bigint)", 1};

static const struct retention_rule rules[] = {
    {"users", "until the account is deleted; RATE_LIMIT_ANON_PER_MIN says how many may come", NULL},
    {"refresh_tokens", "a day after they expired; used ones of a user with over 1,000 for an hour",
     &refresh_tokens},
    {"api_keys", "20 of each user; 30 days after they expired", &api_keys},
    {"totp", "one of each user, until it is removed; a day when it is not confirmed", &totp},
    {"recovery_codes", "ten of each second factor, each until it is used", NULL},
    {"avatars", "one of each user, until the account is deleted", NULL},
    {"revocations", "two days: no access token lives for longer than one", &revocations},
    {"password_asks", "a day after the last question; five an hour of one address", &password_asks},
    {"password_resets", "until they are used or expire, 15 minutes", &password_resets},
    {"login_failures", "an hour", &login_failures},
    {"invitations", "30 days after they expired", &invitations},
    {"watch_history", "the newest 10,000 of each user", &watch_history},
    {"favorites", "one per title, the newest 10,000 of each user", &favorites},
    {"idempotency_keys", "24 hours", &idempotency_keys},
    {"jobs", "JOBS_RETENTION_DAYS after their end; OUTBOX_MAX bounds those that wait", &jobs},
    {"job_results", "with their job", &job_results},
    {"job_history", "with its job", &job_history},
    {"job_interests", "with their job, or its user", NULL},
    {"job_windows", "an hour after the window, and not before the job's end", &job_windows},
    {"job_limits", "one per kind, made by operators and workers", NULL},
    {"schedules", "until an operator removes them", NULL},
    {"dead_letters", "JOBS_RETENTION_DAYS after they were closed; open ones with their job", &dead_letters},
    {"outgoing", "until JetStream has them; OUTBOX_MAX at most", NULL},
    {"relay_batches", "until all consumers are past them (outbox_store_forget)", NULL},
    {"stream_state", "one per stream", NULL},
    {"workers", "while their process lives (healing)", NULL},
    {"claims", "until their jobs have ended (healing)", NULL},
    {"downloads", "until deleted and JOBS_RETENTION_DAYS more; failed ones 90 days", &downloads},
    {"inspections", "a day; INSPECTED_MAX_MB and INSPECTED_MAX_MB_PER_USER before that", &inspections},
    {"torrents", "a day when nobody wants them; those that were begun until their files are gone", &torrents},
    {"torrent_claims", "a day when its user neither downloads nor looks at the torrent", &torrent_claims},
    {"torrent_files", "with their torrent", NULL},
    {"releases", "90 days after they were found last", &releases},
    {"media", "90 days after they were looked up last, when nothing refers to them", &media},
    {"logs", "a year; failed logins a month", &logs},
    {"log_seals", "400 days, with logs", NULL},
    {"log_chain", "one row", NULL},
    {"schema_migrations", "one per migration", NULL},
};

const struct retention_rule *retention_rules(size_t *count)
{
    *count = sizeof rules / sizeof rules[0];
    return rules;
}

static enum err_code delete_some(struct db *db, const struct db_stmt *stmt, const char *const *params,
                                 int64_t *deleted, struct err *err)
{
    struct db_rows *rows = NULL;
    enum err_code code = db_run(db, stmt, params, &rows, err);
    if (code != E_OK)
        return code;
    *deleted = db_affected(rows);
    db_rows_free(rows);
    return E_OK;
}

/* E_CONFLICT: there is such a job already. */
static enum err_code purge_torrent(struct db *db, struct arena *arena, const char *torrent_id,
                                   struct err *err)
{
    struct id id = id_new();
    const struct job_new job = {.job_id = id.text,
                                .kind = "purge",
                                .user_id = ID_SYSTEM_USER,
                                .payload = arena_printf(arena, "{\"torrent_id\":\"%s\"}", torrent_id),
                                .unique_key = torrent_id,
                                .priority = JOB_LOW};
    if (job.payload == NULL)
        return fail(err, E_NO_MEMORY, "no memory for a job");
    enum err_code code = job_store_accept(db, arena, &job, 1, err);
    return code == E_CONFLICT ? E_OK : code;
}

static enum err_code purge_left(struct db *db, struct arena *arena, const char *days, struct err *err)
{
    struct db_rows *rows = NULL;
    enum err_code code = db_run(db, &left_begun, &days, &rows, err);
    if (code != E_OK)
        return code;
    rows = db_rows_keep(rows, arena);
    if (rows == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    for (int i = 0; code == E_OK && i < db_rows(rows); i++)
        code = purge_torrent(db, arena, db_text(rows, i, 0), err);
    return code;
}

enum err_code retention_store_run(struct db *db, struct arena *arena, const struct retention *retention,
                                  bool *more, struct err *err)
{
    const char *params[] = {db_param_int(arena, retention->limit), db_param_int(arena, retention->days)};
    enum err_code code = arena_failed(arena) ? fail(err, E_NO_MEMORY, "out of memory") : E_OK;
    *more = false;
    for (size_t i = 0; code == E_OK && i < sizeof rules / sizeof rules[0]; i++)
    {
        int64_t deleted = 0;
        if (rules[i].delete != NULL)
            code = delete_some(db, rules[i].delete, params, &deleted, err);
        *more = *more || deleted >= retention->limit;
    }
    return code == E_OK ? purge_left(db, arena, params[1], err) : code;
}
