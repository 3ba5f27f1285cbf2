/* SPDX-License-Identifier: Apache-2.0 */
/* sokoul-api: a table of contents. */
#include "api/app.h"
#include "api/keys.h"
#include "api/lanes.h"
#include "api/mw/limits.h"
#include "api/mw/links.h"
#include "api/revocations.h"
#include "api/route.h"
#include "api/server.h"
#include "api/setup.h"
#include "common/base/clock.h"
#include "common/base/leftovers.h"
#include "common/base/log.h"
#include "common/base/memory.h"
#include "common/base/notify.h"
#include "common/base/stop.h"
#include "common/conf/args.h"
#include "common/conf/conf.h"
#include "common/conf/renew.h"
#include "common/crypt/token.h"
#include "common/db/db.h"
#include "common/healing/healing.h"
#include "common/http/http.h"
#include "common/mq/mq.h"
#include "common/obs/health.h"
#include "common/obs/knock.h"
#include "common/obs/metrics.h"
#include "common/otlp/otlp.h"
#include "common/outbox/outbox.h"
#include "common/probe/ground.h"
#include "common/probe/pools.h"
#include "common/probe/probes.h"
#include "common/provider/provider.h"
#include "common/store/outbox.h"
#include "common/store/schema.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum
{
    FIRST_PROBE_WAIT_MS = 2000,
    CLOSE_S = 1 /* for what is left when the last request has been answered */
};

/* Everything that lives as long as the process, in the order in which it is made. */
struct process
{
    struct conf *conf;
    struct otlp *otlp;
    struct db_pool *db;
    struct db_pool *db_batches;
    struct pools pools;
    struct token_keys *tokens;
    struct revocations *revocations;
    struct setup *setup;
    struct limiter *limiter;
    struct keys *keys;
    struct mq *mq;
    struct health *health;
    struct probes *probes;
    struct outbox *outbox;
    struct healing *healing;
    struct app app;
    struct server *server;
    struct watchdog *watchdog;
    struct conf_renewal renewal;
};

/* Whoever waits for a frozen database is let go when the probes have missed it. */
static bool database_away(void *of)
{
    const struct process *p = of;
    return p->health != NULL && !health_up(p->health, HEALTH_DATABASE);
}

/* DB_POOL_SIZE is for both: what batches do is finding rows by key, which is planned once and for all. */
static enum err_code open_database(struct process *p, struct err *err)
{
    const int size = (int)p->conf->db_pool_size;
    const int batches = lanes_batch_threads(size);
    struct db_pool_config config = {.url = p->conf->database_url,
                                    .name = "sokoul-api",
                                    .size = size > batches ? size - batches : 1,
                                    .get_wait_ms = (int)p->conf->db_wait_s * 1000,
                                    .statement_ms = (int)p->conf->db_wait_s * 1000,
                                    .check = schema_check,
                                    .away = database_away,
                                    .away_of = p};
    if (db_pool_open(&config, &p->db, err) != E_OK)
        return err->code;
    config.size = batches;
    config.plans = DB_PLANS_LOOKUPS;
    if (db_pool_open(&config, &p->db_batches, err) != E_OK)
        return err->code;
    access_expect();
    limits_expect();
    provider_expect_calls();
    p->pools = (struct pools){p->db, p->db_batches};
    pools_show(&p->pools);
    return E_OK;
}

static enum err_code open_doors(struct process *p, struct err *err)
{
    if (http_open(err) != E_OK ||
        otlp_start(p->conf->otel_exporter_otlp_endpoint, "sokoul-api", &p->otlp, err) != E_OK ||
        open_database(p, err) != E_OK)
        return err->code;
    if (token_keys_new(p->conf->jwt_secret, p->conf->jwt_secret_previous, &p->tokens, err) != E_OK)
        return err->code;
    p->limiter = limiter_new();
    if (p->limiter == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    if ((p->keys = keys_new()) == NULL)
        return fail(err, E_NO_MEMORY, "no memory for API keys");
    if (mq_open(p->conf->nats_url, "sokoul-api", &p->mq, err) != E_OK)
        return err->code;
    mq_want_replicas(p->mq, (int)p->conf->nats_replicas);
    return E_OK;
}

/* The servers may all be away: health says so, and the API answers what it can. */
static enum err_code watch_health(struct process *p, struct err *err)
{
    p->health = health_new();
    if (p->health == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    if (probes_open(p->conf, "sokoul-api", p->mq, p->health, &p->probes, err) != E_OK)
        return err->code;
    health_start(p->health);
    health_await(p->health, FIRST_PROBE_WAIT_MS);
    return E_OK;
}

static void wake_relay(void *of)
{
    outbox_wake(of);
}

static void publish_rows(void *of, const struct just_committed *committed)
{
    outbox_publish(of, committed);
}

static bool find_recipient(void *of, const char *worker, struct job_recipient *recipient)
{
    return outbox_recipient(of, worker, recipient);
}

static int64_t read_backlog(void *of)
{
    return healing_backlog(of);
}

static enum err_code start_outbox(struct process *p, struct err *err)
{
    const struct outbox_config config = {
        .database_url = p->conf->database_url, .name = "sokoul-api", .mq = p->mq, .hands_off = true};
    return outbox_start(&config, &p->outbox, err);
}

static enum err_code start_healing(struct process *p, struct err *err)
{
    const struct healing_config config = {.database_url = p->conf->database_url,
                                          .name = "sokoul-api",
                                          .mq = p->mq,
                                          .lease_ms = (int)p->conf->jobs_lease_s * 1000,
                                          .retention_days = (int)p->conf->jobs_retention_days,
                                          .wake = wake_relay,
                                          .wake_of = p->outbox};
    return healing_start(&config, &p->healing, err);
}

static enum err_code start(struct process *p, struct err *err)
{
    if (open_doors(p, err) != E_OK || watch_health(p, err) != E_OK || start_outbox(p, err) != E_OK ||
        start_healing(p, err) != E_OK ||
        revocations_start(p->conf->database_url, &p->revocations, err) != E_OK ||
        setup_start(p->db, &p->setup, err) != E_OK)
        return err->code;
    p->app = (struct app){
        .conf = p->conf,
        .db = p->db,
        .db_batches = p->db_batches,
        .health = p->health,
        .tokens = p->tokens,
        .revoked = revocations_known(p->revocations),
        .limiter = p->limiter,
        .keys = p->keys,
        .started_ms = clock_mono_ms(),
        .wake = wake_relay,
        .publish = publish_rows,
        .recipient = find_recipient,
        .wake_of = p->outbox,
        .backlog = read_backlog,
        .backlog_of = p->healing,
    };
    if (server_start(&p->app, &p->server, err) != E_OK)
        return err->code;
    log_info("listening", "listening on %s:%d", p->conf->api_listen.host, server_port(p->server));
    return E_OK;
}

/* Latest first; but what waits for a server that does not answer waits at the same time. */
static void stop(struct process *p)
{
    outbox_leave(p->outbox);
    healing_leave(p->healing);
    if (p->health != NULL)
        health_leave(p->health);
    server_free(p->server);
    setup_stop(p->setup);
    revocations_stop(p->revocations);
    healing_stop(p->healing);
    outbox_stop(p->outbox);
    bool idle = p->health == NULL || health_stop(p->health);
    if (idle)
        probes_close(p->probes);
    health_free(p->health);
    p->health = NULL;
    if (idle)
        mq_close(p->mq);
    keys_free(p->keys);
    token_keys_free(p->tokens);
    limiter_free(p->limiter);
    pools_hide();
    db_pool_close(p->db_batches);
    db_pool_close(p->db);
    otlp_stop(p->otlp);
    http_close();
}

static enum err_code drain(struct process *p, struct err *err)
{
    int64_t deadline_ms = clock_mono_ms() + (int64_t)p->conf->api_drain_s * 1000;
    log_info("shutdown", "[SHUTDOWN] graceful stop begins");
    health_drain(p->health);
    watchdog_stop(p->watchdog);
    log_info("shutdown", "[SHUTDOWN] drain mode on, new connections refused");
    return server_drain(p->server, deadline_ms, err);
}

static bool lives(void *of)
{
    const struct process *p = of;
    return knock(p->app.conf->api_listen.host, server_port(p->server));
}

/* The API's settings have changed: what is not read from the newest struct at each use is told of it here. */
static void take_settings(void *of, const struct conf *now, const char *names)
{
    struct process *p = of;
    struct err err = ERR_INIT;
    healing_note_settings(p->healing, names);
    if (token_keys_change(p->tokens, now->jwt_secret, now->jwt_secret_previous, &err) != E_OK)
        log_error("conf_reload_failed", "JWT_SECRET: %s", err.text);
    atomic_store(&p->app.conf, now);
}

static int wait_and_stop(struct process *p)
{
    p->renewal = (struct conf_renewal){.conf = &p->conf, .take = take_settings, .of = p};
    const struct stop_chores chores = conf_chores(&p->renewal);
    notify("READY=1");
    p->watchdog = watchdog_start(lives, p);
    int number = stop_wait(&chores);
    notify("STOPPING=1");
    int64_t began_ms = clock_mono_ms();
    log_info("signal", "Received signal %d, initiating graceful shutdown...", number);
    log_info("shutdown", "Starting graceful shutdown process...");
    struct err err = ERR_INIT;
    stop_within((int64_t)(p->conf->api_drain_s + CLOSE_S) * 1000, (unsigned)p->conf->api_drain_s);
    if (drain(p, &err) != E_OK)
        stop_now("Shutdown timeout (%us) reached", (unsigned)p->conf->api_drain_s);
    stop(p);
    double seconds = (double)(clock_mono_ms() - began_ms) / 1e3;
    metrics_observe(METRIC_SHUTDOWN_SECONDS, seconds);
    log_info("shutdown", "[SHUTDOWN] services stopped");
    log_info("shutdown_duration", "app_shutdown_duration_seconds %.3f", seconds);
    log_info("shutdown", "Graceful shutdown process completed");
    return 0;
}

int main(int argc, char **argv)
{
    struct args args;
    struct process p = {0};
    struct err err = ERR_INIT;
    int status = 0;
    leftovers_limit();
    memory_tame();
    if (argc == 2 && strcmp(argv[1], "--routes") == 0)
    {
        route_print_all();
        return 0;
    }
    if (!args_read(argc, argv, "Answers the REST API.", &args, &status))
        return status;
    if (conf_load(CONF_API, args.env_file, &p.conf, &err) != E_OK)
    {
        fprintf(stderr, "sokoul-api: %s\n", err.text);
        return err_exit(err.code);
    }
    stop_prepare();
    log_open("sokoul-api", p.conf->log_level);
    log_info("start", "sokoul-api %s starts", SOKOUL_VERSION);
    ground_check("sokoul-api", http_library);
    if (start(&p, &err) == E_OK)
        status = wait_and_stop(&p);
    else
    {
        log_error("start_failed", "%s", err.text);
        stop(&p);
        status = err_exit(err.code);
    }
    log_close();
    conf_free(p.conf);
    return status;
}
