/* SPDX-License-Identifier: Apache-2.0 */
/* doctor: Postgres, NATS, Redis, the providers. */
#include "cli/doctor.h"
#include "cli/migrations.h"
#include "common/base/clock.h"
#include "common/cache/cache.h"
#include "common/http/http.h"
#include "common/mq/mq.h"
#include "common/probe/ground.h"
#include "common/provider/prowlarr.h"
#include "common/provider/tmdb.h"
#include "common/store/probe.h"

#include <math.h>

enum
{
    CONNECT_MS = 3000,
    STATEMENT_MS = 5000,
    PING_MS = 2000,
    PROVIDER_MS = 5000,
    CLOCKS_APART_S = 5 /* two machines that ask NTP servers differ by some ms */
};

/* ---- Postgres --------------------------------------------------------------------------------- */

static void check_schema(struct doctor *doctor, struct db *db)
{
    struct migration_report report = {NULL, 0};
    struct err err = ERR_INIT;
    size_t seen[MIGRATION_UNKNOWN + 1] = {0};
    if (migrate_status(db, doctor->session->arena, migrations_embedded, &report, &err) != E_OK)
    {
        doctor_fail(doctor, "schema", "look at the log of PostgreSQL", &err);
        return;
    }
    for (size_t i = 0; i < report.count; i++)
        seen[report.rows[i].state]++;
    if (seen[MIGRATION_CHANGED] > 0)
        doctor_add(doctor, FINDING_BAD, "schema", "see sokoulctl migrate status",
                   "a migration was changed after it had been applied");
    else if (seen[MIGRATION_PENDING] > 0)
        doctor_add(doctor, FINDING_BAD, "schema", "run sokoulctl migrate up",
                   "%zu migrations are not applied yet", seen[MIGRATION_PENDING]);
    else
        doctor_add(doctor, FINDING_OK, "schema", "", "up to date");
    doctor->schema_fits = seen[MIGRATION_PENDING] == 0;
    if (seen[MIGRATION_UNKNOWN] > 0)
        doctor_add(doctor, FINDING_NOTE, "schema", "update the programs",
                   "a newer program has been here: %zu migrations are unknown", seen[MIGRATION_UNKNOWN]);
}

/* The clocks are read one after the other, one statement apart. */
static void check_clock(struct doctor *doctor, int64_t theirs_ms, int64_t ours_ms)
{
    static const char advice[] = "set both by NTP (timedatectl set-ntp true)";
    struct err err = ERR_INIT;
    const double ahead_s = (double)(ours_ms - theirs_ms) / 1000;
    if (ground_clock(&err) != E_OK)
        doctor_add(doctor, FINDING_BAD, "clock", advice, "%s", err.text);
    else if (fabs(ahead_s) < CLOCKS_APART_S)
        doctor_add(doctor, FINDING_OK, "clock", "", "it goes with the database's");
    else
        doctor_add(doctor, FINDING_BAD, "clock", advice,
                   "the clock of this machine is %.1f s %s the database's", fabs(ahead_s),
                   ahead_s > 0 ? "ahead of" : "behind");
}

static void check_server(struct doctor *doctor, struct db *db)
{
    struct probe_server server;
    struct err err = ERR_INIT;
    const int64_t before_ms = clock_wall_ms();
    if (probe_server(db, &server, &err) != E_OK)
    {
        doctor_fail(doctor, "database", "look at the log of PostgreSQL", &err);
        return;
    }
    const int64_t between_ms = before_ms + (clock_wall_ms() - before_ms) / 2;
    if (server.release < PROBE_OLDEST_SERVER)
        doctor_add(doctor, FINDING_BAD, "version", "move the database to a newer one with pg_upgrade",
                   "PostgreSQL %s is too old, %d is needed", server.version, PROBE_OLDEST_SERVER);
    else
        doctor_add(doctor, FINDING_OK, "version", "", "PostgreSQL %s", server.version);
    if (!server.durable)
        doctor_add(doctor, FINDING_BAD, "database",
                   "set fsync, full_page_writes and synchronous_commit to on",
                   "PostgreSQL does not wait for its disk: a power cut loses jobs that were accepted");
    check_clock(doctor, server.wall_ms, between_ms);
}

static void check_writes(struct doctor *doctor, struct db *db)
{
    struct err err = ERR_INIT;
    enum err_code code = probe_database(db, &err);
    if (code == E_OK)
        code = probe_disk(db, &err);
    if (code == E_OK)
        doctor_add(doctor, FINDING_OK, "database", "", "PostgreSQL takes new data");
    else
        doctor_fail(doctor, "database", "look at the log of PostgreSQL", &err);
}

/* False: a pooler mixes up sessions, and no statement can be relied on.  Without a second connection it is
 * not known.
 */
static bool check_sessions(struct doctor *doctor, struct db *db)
{
    const struct db_pool_config config = {
        .url = doctor->conf->database_url, .name = "sokoulctl", .size = 1, .statement_ms = STATEMENT_MS};
    struct db_pool *pool = NULL;
    struct db *other = NULL;
    struct err err = ERR_INIT;
    enum err_code code = E_OK;
    if (db_pool_open(&config, &pool, &err) == E_OK && db_get(pool, &other, &err) == E_OK)
        code = probe_sessions(db, other, &err);
    db_put(other);
    db_pool_close(pool);
    if (code != E_OK)
        doctor_fail(doctor, "database", "mend DATABASE_URL, or the pooler", &err);
    return code == E_OK;
}

void doctor_database(struct doctor *doctor)
{
    struct db *db = NULL;
    struct err err = ERR_INIT;
    if (doctor->conf == NULL)
        return;
    int64_t before_ms = clock_mono_ms();
    if (session_any_schema(doctor->session, STATEMENT_MS, &err) != E_OK ||
        session_db(doctor->session, &db, &err) != E_OK)
    {
        doctor_fail(doctor, "database", "start PostgreSQL, or mend DATABASE_URL", &err);
        return;
    }
    doctor_add(doctor, FINDING_OK, "database", "", "PostgreSQL lets us in, after %lld ms",
               (long long)(clock_mono_ms() - before_ms));
    if (!check_sessions(doctor, db))
        return;
    check_server(doctor, db);
    check_writes(doctor, db);
    check_schema(doctor, db);
}

/* ---- NATS ------------------------------------------------------------------------------------- */

static enum err_code reach_nats(struct mq *mq, struct err *err)
{
    const int64_t until_ms = clock_mono_ms() + CONNECT_MS;
    int wait_ms = 0;
    while (!mq_connected(mq) && session_back_off(&wait_ms, until_ms))
        continue;
    return mq_ping(mq, PING_MS, err); /* its error also tells why there is no connection */
}

static void check_streams(struct doctor *doctor, struct mq *mq)
{
    struct mq_stream info = {.messages = 0};
    struct err err = ERR_INIT;
    mq_want_replicas(mq, (int)doctor->conf->nats_replicas);
    enum err_code code = mq_check(mq, &err);
    if (code == E_OK)
        code = mq_stream_info(mq, "JOBS", &info, &err);
    if (code == E_OK)
        doctor_add(doctor, FINDING_OK, "nats", "", "JetStream works, %lld wake-ups wait in JOBS",
                   (long long)info.messages);
    else if (code == E_NOT_FOUND)
        doctor_add(doctor, FINDING_NOTE, "nats", "start sokoul-api or a worker, which make it",
                   "JetStream works, but a stream is not there yet: %s", err.text);
    else
        doctor_add(doctor, FINDING_BAD, "nats", "sokoul-api and workers mend what they can within 10 s", "%s",
                   err.text);
}

void doctor_nats(struct doctor *doctor)
{
    struct mq *mq = NULL;
    struct err err = ERR_INIT;
    if (doctor->conf == NULL || *doctor->conf->nats_url == '\0')
        return;
    enum err_code code = mq_open(doctor->conf->nats_url, "sokoulctl", &mq, &err);
    if (code == E_OK)
        code = reach_nats(mq, &err);
    if (code == E_OK)
        check_streams(doctor, mq);
    else
        doctor_fail(doctor, "nats", "start nats-server with JetStream, or mend NATS_URL", &err);
    if (mq != NULL)
        mq_close(mq);
}

/* ---- Redis ------------------------------------------------------------------------------------ */

void doctor_redis(struct doctor *doctor)
{
    struct cache *cache = NULL;
    struct err err = ERR_INIT;
    int64_t latency_us = 0;
    if (doctor->conf == NULL || *doctor->conf->redis_url == '\0')
        return;
    enum err_code code = cache_open(doctor->conf->redis_url, &cache, &err);
    if (code == E_OK)
        code = cache_ping(cache, &latency_us, &err);
    if (code == E_OK)
        doctor_add(doctor, FINDING_OK, "redis", "", "Redis answers in %lld us", (long long)latency_us);
    else
        doctor_fail(doctor, "redis", "start Redis, or mend REDIS_URL", &err);
    cache_close(cache);
}

/* ---- providers -------------------------------------------------------------------------------- */

static void check_tmdb(struct doctor *doctor, struct http_client *http)
{
    struct tmdb tmdb = {.http = http,
                        .base_url = doctor->conf->tmdb_base_url,
                        .api_key = doctor->conf->tmdb_api_key,
                        .deadline_ms = PROVIDER_MS};
    struct tmdb_query query = {.query = "sintel", .type = PROVIDER_MOVIE, .page = 1};
    struct tmdb_page page;
    struct err err = ERR_INIT;
    if (*tmdb.api_key == '\0')
        return;
    enum err_code code = tmdb_search(&tmdb, &query, doctor->session->arena, &page, &err);
    if (code == E_OK)
        doctor_add(doctor, FINDING_OK, "tmdb", "", "TMDB takes our key");
    else
        doctor_add(doctor, FINDING_BAD, "tmdb",
                   code == E_CONFIG ? "mend TMDB_API_KEY" : "look at TMDB_BASE_URL and at the network", "%s",
                   err.text);
}

static void check_prowlarr(struct doctor *doctor, struct http_client *http)
{
    struct prowlarr prowlarr = {.http = http,
                                .base_url = doctor->conf->prowlarr_url,
                                .api_key = doctor->conf->prowlarr_api_key,
                                .deadline_ms = PROVIDER_MS};
    struct prowlarr_query query = {.query = "sintel", .type = PROVIDER_MOVIE, .limit = 1};
    struct prowlarr_page page;
    struct err err = ERR_INIT;
    if (*prowlarr.base_url == '\0')
    {
        doctor_add(doctor, FINDING_NOTE, "prowlarr", "set PROWLARR_URL to find releases",
                   "Prowlarr is not configured");
        return;
    }
    enum err_code code = prowlarr_search(&prowlarr, &query, doctor->session->arena, &page, &err);
    if (code == E_OK)
        doctor_add(doctor, FINDING_OK, "prowlarr", "", "Prowlarr takes our key");
    else
        doctor_add(doctor, FINDING_BAD, "prowlarr",
                   code == E_CONFIG ? "mend PROWLARR_API_KEY" : "start Prowlarr, or mend PROWLARR_URL", "%s",
                   err.text);
}

void doctor_providers(struct doctor *doctor)
{
    struct err err = ERR_INIT;
    if (doctor->conf == NULL || http_open(&err) != E_OK)
        return;
    struct http_client *http = http_client_new();
    if (http != NULL)
    {
        check_tmdb(doctor, http);
        check_prowlarr(doctor, http);
    }
    http_client_free(http);
    http_close();
}
