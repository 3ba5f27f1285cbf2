/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer_driver: our system as one of several job systems in the same benchmark.
 *
 *   peer_driver setup | enqueue | pace | worker | depth
 *
 * Everything else comes by the environment (N MODE KEYED START_ID MAX_S ACK_LOG PROGRESS_AT RATE HANDLER
 * STOP_AFTER HANDLER_LOG HANDLER_MS PAYLOAD BENCH_PORT_BASE); answers are lines on stdout, "NAME {json}".
 * The servers listen on 127.0.0.1: Postgres on BENCH_PORT_BASE + 1 (user and database `bench`), NATS on + 2.
 *
 * An enqueue call returns after COMMIT.  `pace` runs a relay in its own process, as the API does; `enqueue`
 * leaves the relaying to whoever listens, as the command line does, unless DRIVER_RELAY=1.
 */
#include "bench/option.h"
#include "bench/peer_enqueue.h"
#include "bench/peer_work.h"
#include "cli/migrations.h"
#include "common/base/log.h"
#include "common/healing/healing.h"
#include "common/mq/mq.h"
#include "common/obs/health.h"
#include "common/outbox/outbox.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
    LEASE_MS = 40000,
    DRAIN_MS = 5000,
    RETENTION_DAYS = 30,
    MIGRATE_MS = 60000
};

struct doors
{
    char database_url[128];
    char nats_url[64];
};

static struct doors doors_of(void)
{
    struct doors doors;
    const char *text = getenv("BENCH_PORT_BASE");
    long base = text != NULL && *text != '\0' ? strtol(text, NULL, 10) : 17100;
    snprintf(doors.database_url, sizeof doors.database_url, "postgresql://bench@127.0.0.1:%ld/bench",
             base + 1);
    snprintf(doors.nats_url, sizeof doors.nats_url, "nats://127.0.0.1:%ld", base + 2);
    return doors;
}

/* What every process of the product has. */
struct relaying
{
    struct outbox *outbox;
    struct healing *healing;
};

static void wake_relay(void *of)
{
    outbox_wake(of);
}

static struct relaying start_relaying(const struct doors *doors, struct mq *mq)
{
    struct relaying with = {NULL, NULL};
    struct err err = ERR_INIT;
    const struct outbox_config config = {
        .database_url = doors->database_url, .name = "bench", .mq = mq, .hands_off = true};
    must(outbox_start(&config, &with.outbox, &err), &err);
    const struct healing_config healing = {.database_url = doors->database_url,
                                           .name = "bench",
                                           .mq = mq,
                                           .lease_ms = LEASE_MS,
                                           .retention_days = RETENTION_DAYS,
                                           .wake = wake_relay,
                                           .wake_of = with.outbox};
    must(healing_start(&healing, &with.healing, &err), &err);
    return with;
}

static void stop_relaying(struct relaying with)
{
    outbox_leave(with.outbox);
    healing_stop(with.healing);
    outbox_stop(with.outbox);
}

static struct mq *open_mq(const struct doors *doors)
{
    struct mq *mq = NULL;
    struct err err = ERR_INIT;
    must(mq_open(doors->nats_url, "bench", &mq, &err), &err);
    return mq;
}

static int setup(const struct doors *doors)
{
    struct err err = ERR_INIT;
    struct db_pool *pool = NULL;
    struct db *db = NULL;
    struct arena *arena = arena_new((size_t)16 << 20);
    struct migration_report applied;
    int repairs = 0;
    const struct db_pool_config config = {
        .url = doors->database_url, .name = "bench", .size = 1, .statement_ms = MIGRATE_MS};
    must(db_pool_open(&config, &pool, &err), &err);
    must(db_get(pool, &db, &err), &err);
    must(migrate_up(db, arena, migrations_embedded, &applied, &err), &err);
    db_put(db);
    db_pool_close(pool);
    struct mq *mq = open_mq(doors);
    must(mq_ensure(mq, &repairs, &err), &err);
    mq_close(mq);
    arena_free(arena);
    return 0;
}

static int enqueue(const struct doors *doors)
{
    const char *relay = getenv("DRIVER_RELAY");
    bool relays = relay != NULL && strcmp(relay, "1") == 0;
    struct mq *mq = relays ? open_mq(doors) : NULL;
    const struct relaying with = relays ? start_relaying(doors, mq) : (struct relaying){NULL, NULL};
    peer_enqueue(doors->database_url, with.outbox);
    stop_relaying(with);
    mq_close(mq);
    return 0;
}

static int pace(const struct doors *doors)
{
    struct mq *mq = open_mq(doors);
    const struct relaying with = start_relaying(doors, mq);
    peer_pace(doors->database_url, with.outbox);
    stop_relaying(with);
    mq_close(mq);
    return 0;
}

static const struct db_stmt depth_stmt = {
    "bench_depth", "SELECT count(*) FROM jobs WHERE status IN ('Pending', 'Running')", 0};

static int depth(const struct doors *doors)
{
    struct err err = ERR_INIT;
    struct db_pool *pool = NULL;
    struct db *db = NULL;
    struct db_rows *rows = NULL;
    const struct db_pool_config config = {.url = doors->database_url, .name = "bench", .size = 1};
    must(db_pool_open(&config, &pool, &err), &err);
    must(db_get(pool, &db, &err), &err);
    must(db_run(db, &depth_stmt, NULL, &rows, &err), &err);
    printf("DEPTH {\"depth\":%lld}\n", (long long)db_int(rows, 0, 0, 0));
    db_rows_free(rows);
    db_put(db);
    db_pool_close(pool);
    return 0;
}

static void wait_for_end(void)
{
    sigset_t set;
    int number = 0;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigwait(&set, &number);
}

static void block_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static int worker(const struct doors *doors)
{
    struct err err = ERR_INIT;
    struct runtime *runtime = NULL;
    struct peer_work *work = peer_work_open();
    const struct job_kind_row kind = peer_work_kind(work);
    struct health *health = health_new();
    block_signals();
    struct mq *mq = open_mq(doors);
    const struct runtime_config config = {.worker = "scout",
                                          .node = "bench",
                                          .database_url = doors->database_url,
                                          .kinds = &kind,
                                          .kinds_count = 1,
                                          .concurrency = peer_work_concurrency(work),
                                          .db_pool_size = peer_work_connections(work),
                                          .lease_ms = LEASE_MS,
                                          .drain_ms = DRAIN_MS,
                                          .retention_days = RETENTION_DAYS,
                                          .context = work,
                                          .mq = mq,
                                          .outbox = NULL,
                                          .health = health};
    struct runtime_config with_outbox = config;
    peer_work_ready(work);
    const struct relaying with = start_relaying(doors, mq);
    with_outbox.outbox = with.outbox;
    must(runtime_start(&with_outbox, &runtime, &err), &err);
    wait_for_end();
    if (!runtime_stop(runtime))
        abort();
    stop_relaying(with);
    mq_close(mq);
    health_free(health);
    return 0;
}

static const struct role
{
    const char *name;
    int (*play)(const struct doors *doors);
} roles[] = {{"setup", setup}, {"enqueue", enqueue}, {"pace", pace}, {"worker", worker}, {"depth", depth}};

int main(int argc, char **argv)
{
    const struct doors doors = doors_of();
    log_open("bench", LOG_WARN);
    for (size_t i = 0; argc == 2 && i < sizeof roles / sizeof roles[0]; i++)
        if (strcmp(roles[i].name, argv[1]) == 0)
        {
            int status = roles[i].play(&doors);
            log_close();
            return status;
        }
    fputs("usage: peer-driver setup|enqueue|pace|worker|depth\n", stderr);
    return 64;
}
