/* SPDX-License-Identifier: Apache-2.0 */
#include "workers/runtime/program.h"

#include "common/base/clock.h"
#include "common/base/leftovers.h"
#include "common/base/log.h"
#include "common/base/memory.h"
#include "common/base/notify.h"
#include "common/base/stop.h"
#include "common/conf/args.h"
#include "common/conf/renew.h"
#include "common/healing/healing.h"
#include "common/mq/mq.h"
#include "common/obs/health.h"
#include "common/obs/knock.h"
#include "common/obs/listener.h"
#include "common/obs/metrics.h"
#include "common/outbox/outbox.h"
#include "common/probe/ground.h"
#include "common/probe/probes.h"

#include <stdatomic.h>
#include <stdio.h>

enum
{
    HANDLER_CONNECTIONS = 4,
    CLOSE_MS = 9000 /* past WORKER_DRAIN_S the process ends, in order or not: 1 s before compose and systemd
                       kill it */
};

/* Everything that lives as long as the process, in the order in which it is made. */
struct process
{
    const struct program *program;
    struct conf *conf;              /* the newest; main's thread */
    const struct conf *_Atomic now; /* the same, for the others */
    struct mq *mq;
    struct health *health;
    struct probes *probes;
    struct listener *listener;
    struct outbox *outbox;
    struct healing *healing;
    void *context;
    struct runtime *runtime;
    struct watchdog *watchdog;
    struct conf_renewal renewal;
    int64_t started_ms;
};

/* ---- health --------------------------------------------------------------------------------- */

static struct report report_of(const struct process *p)
{
    return (struct report){.health = p->health,
                           .started_ms = p->started_ms,
                           .requests = metrics_value(METRIC_WORKER_JOBS),
                           .listeners = 1};
}

#define PAGE(name)                                                                                           \
    static enum report_verdict fill_##name(void *of, struct buf *out)                                        \
    {                                                                                                        \
        struct report report = report_of(of);                                                                \
        return report_##name(&report, out);                                                                  \
    }
PAGE(health)
PAGE(brief)
PAGE(deep)
PAGE(ready)
PAGE(live)
#undef PAGE

static enum report_verdict fill_metrics(void *of, struct buf *out)
{
    const struct process *p = of;
    metrics_write(out, METRICS_PROMETHEUS, p->program->service);
    return REPORT_GOOD;
}

static enum report_verdict fill_openmetrics(void *of, struct buf *out)
{
    const struct process *p = of;
    metrics_write(out, METRICS_OPENMETRICS, p->program->service);
    return REPORT_GOOD;
}

static const char json[] = "application/json";
static const struct listener_page pages[] = {
    {"/health", json, fill_health, NULL},
    {"/healthz", json, fill_brief, NULL},
    {"/health/deep", json, fill_deep, NULL},
    {"/ready", json, fill_ready, NULL},
    {"/readyz", json, fill_ready, NULL},
    {"/livez", json, fill_live, NULL},
    {"/metrics", METRICS_OPENMETRICS_TYPE, fill_openmetrics, "application/openmetrics-text"},
    {"/metrics", METRICS_PROMETHEUS_TYPE, fill_metrics, NULL},
};

static bool may_ask(void *of, const struct sockaddr *peer)
{
    const struct process *p = of;
    return conf_cidrs_contain(&p->now->metrics_allow, peer);
}

static const char *listen_host(const struct process *p)
{
    const struct conf *now = p->now;
    return now->metrics_listen.host[0] != '\0' ? now->metrics_listen.host : "127.0.0.1";
}

static bool lives(void *of)
{
    const struct process *p = of;
    return knock(listen_host(p), listener_port(p->listener));
}

static enum err_code listen_health(struct process *p, struct err *err)
{
    bool set = p->conf->metrics_listen.host[0] != '\0';
    const struct listener_config config = {.host = listen_host(p),
                                           .port =
                                               set ? p->conf->metrics_listen.port : p->program->metrics_port,
                                           .pages = pages,
                                           .count = sizeof pages / sizeof pages[0],
                                           .of = p,
                                           .allow = may_ask};
    enum err_code code = listener_start(&config, &p->listener, err);
    if (code == E_OK)
        log_info("listening", "health and metrics on %s:%d", config.host, listener_port(p->listener));
    return code;
}

/* ---- up and down ---------------------------------------------------------------------------- */

static enum err_code open_doors(struct process *p, struct err *err)
{
    enum err_code code = mq_open(p->conf->nats_url, p->program->service, &p->mq, err);
    if (code != E_OK)
        return code;
    mq_know_worker(p->mq, p->program->worker);
    mq_want_replicas(p->mq, (int)p->conf->nats_replicas);
    p->health = health_new();
    if (p->health == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    code = probes_open(p->conf, p->program->service, p->mq, p->health, &p->probes, err);
    if (code == E_OK)
        health_start(p->health);
    return code;
}

static enum err_code start_outbox(struct process *p, struct err *err)
{
    const struct outbox_config config = {
        .database_url = p->conf->database_url, .name = p->program->service, .mq = p->mq};
    return outbox_start(&config, &p->outbox, err);
}

static void wake_relay(void *of)
{
    outbox_wake(of);
}

static enum err_code start_healing(struct process *p, struct err *err)
{
    const struct healing_config config = {.database_url = p->conf->database_url,
                                          .name = p->program->service,
                                          .mq = p->mq,
                                          .lease_ms = (int)p->conf->jobs_lease_s * 1000,
                                          .retention_days = (int)p->conf->jobs_retention_days,
                                          .wake = wake_relay,
                                          .wake_of = p->outbox};
    return healing_start(&config, &p->healing, err);
}

static int concurrency_of(const struct process *p)
{
    if (p->program->slots != NULL)
        return p->program->slots(p->conf);
    return p->program->concurrency > 0 ? p->program->concurrency : (int)p->conf->worker_concurrency;
}

static enum err_code start_runtime(struct process *p, struct err *err)
{
    const struct program *program = p->program;
    const struct runtime_config config = {.worker = program->worker,
                                          .node = p->conf->node_name,
                                          .database_url = p->conf->database_url,
                                          .kinds = program->kinds,
                                          .kinds_count = program->kinds_count,
                                          .concurrency = concurrency_of(p),
                                          .db_pool_size = HANDLER_CONNECTIONS,
                                          .lease_ms = (int)p->conf->jobs_lease_s * 1000,
                                          .drain_ms = (int)p->conf->worker_drain_s * 1000,
                                          .retention_days = (int)p->conf->jobs_retention_days,
                                          .context = p->context,
                                          .mq = p->mq,
                                          .outbox = p->outbox,
                                          .health = p->health};
    return runtime_start(&config, &p->runtime, err);
}

static enum err_code start(struct process *p, struct err *err)
{
    enum err_code code = open_doors(p, err);
    const struct program_doors doors = {.conf = p->conf, .mq = p->mq, .health = p->health};
    if (code == E_OK)
        code = listen_health(p, err);
    if (code == E_OK)
        code = start_outbox(p, err);
    if (code == E_OK)
        code = start_healing(p, err);
    if (code == E_OK && p->program->open != NULL)
        code = p->program->open(&doors, &p->context, err);
    return code == E_OK ? start_runtime(p, err) : code;
}

/* What waits for a server that does not answer waits at the same time, not one after the other. */
static void ask_to_leave(struct process *p)
{
    outbox_leave(p->outbox);
    healing_leave(p->healing);
    if (p->health != NULL)
        health_leave(p->health);
}

/* Latest first. A handler that does not end may use all of it: then nothing is closed. */
static void stop(struct process *p)
{
    if (!runtime_stop(p->runtime))
        stop_now("Handlers do not end");
    ask_to_leave(p);
    if (p->program->close != NULL && p->context != NULL)
        p->program->close(p->context);
    healing_stop(p->healing);
    outbox_stop(p->outbox);
    watchdog_stop(p->watchdog);
    listener_stop(p->listener);
    bool idle = p->health == NULL || health_stop(p->health);
    if (idle)
        probes_close(p->probes);
    health_free(p->health);
    if (idle)
        mq_close(p->mq);
}

static int complain(const char *service, const struct err *err)
{
    fprintf(stderr, "%s: %s\n", service, err->text);
    return err_exit(err->code);
}

static void take_settings(void *of, const struct conf *now, const char *names)
{
    struct process *p = of;
    healing_note_settings(p->healing, names);
    atomic_store(&p->now, now);
    if (p->program->take != NULL)
        p->program->take(p->context, now);
}

static void serve(struct process *p)
{
    p->renewal = (struct conf_renewal){.conf = &p->conf, .take = take_settings, .of = p};
    const struct stop_chores chores = conf_chores(&p->renewal);
    notify("READY=1");
    p->watchdog = watchdog_start(lives, p);
    int number = stop_wait(&chores);
    notify("STOPPING=1");
    int64_t began_ms = clock_mono_ms();
    stop_within(p->conf->worker_drain_s * 1000 + CLOSE_MS, (unsigned)p->conf->worker_drain_s);
    log_info("shutdown", "Received signal %d, initiating graceful shutdown...", number);
    health_drain(p->health);
    stop(p);
    double seconds = (double)(clock_mono_ms() - began_ms) / 1000;
    metrics_observe(METRIC_SHUTDOWN_SECONDS, seconds);
    log_info("shutdown", "Graceful shutdown process completed in %.3f s", seconds);
}

int program_main(const struct program *program, int argc, char **argv)
{
    struct process p = {.program = program, .context = program->context, .started_ms = clock_mono_ms()};
    struct args args;
    int status = 0;
    struct err err = ERR_INIT;
    leftovers_limit();
    memory_tame();
    if (!args_read(argc, argv, program->about, &args, &status))
        return status;
    if (conf_load(program->conf, args.env_file, &p.conf, &err) != E_OK)
        return complain(program->service, &err);
    p.now = p.conf;
    stop_prepare();
    log_open(program->service, p.conf->log_level);
    log_info("start", "%s %s starts", program->service, SOKOUL_VERSION);
    ground_check(program->service, program->http);
    if (start(&p, &err) == E_OK)
        serve(&p);
    else
    {
        log_error("start_failed", "%s", err.text);
        stop_within(CLOSE_MS, CLOSE_MS / 1000);
        stop(&p);
        status = err_exit(err.code);
    }
    log_close();
    conf_free(p.conf);
    return status;
}
