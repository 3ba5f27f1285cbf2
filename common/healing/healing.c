/* SPDX-License-Identifier: Apache-2.0 */
#include "common/healing/healing.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/healing/internal.h"
#include "common/store/schema.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum
{
    ROUND_MS = 500,
    SCAN_MS = 10000,
    FIRST_SCAN_MS = 1000,
    PURGE_MS = 3600000,
    FIRST_PURGE_MS = 60000,
    SEAL_MS = 1000,
    AGAIN_MS = 1000, /* after a failure of the database */
    LEAVE_MS = 2000, /* so long statements that are under way are waited for when we leave */
    ARENA_BYTES = 16 * 1024 * 1024
};

/* Whoever has the turn may be frozen.  Not every role may end its connection; the others go on. */
static enum err_code unseat_holder(struct healing *healing, struct err *err)
{
    int64_t unseated = 0;
    if (healing_store_unseat(healing->db, &unseated, err) != E_OK)
        log_debug("healing_failed", "%s", err->text);
    else if (unseated > 0)
        log_warn("healing_unseated", "the process that had the turn was silent; another one takes it");
    return E_OK;
}

static const struct
{
    int64_t every_ms; /* 0: in each round */
    int64_t first_ms; /* after the connection was made */
    enum task_who who;
    enum task_needs needs;
    enum err_code (*run)(struct healing *healing, struct err *err);
} tasks[TASKS] = {
    [TASK_TAKE_BACK] = {0, 0, TASK_OF_HOLDER, TASK_NEEDS_DATABASE, jobs_take_back},
    [TASK_ADMIT] = {0, 0, TASK_OF_HOLDER, TASK_NEEDS_DATABASE, limits_admit},
    [TASK_FIRE] = {0, 0, TASK_OF_HOLDER, TASK_NEEDS_DATABASE, schedules_fire},
    [TASK_MEND] = {0, 0, TASK_OF_HOLDER, TASK_NEEDS_NATS, streams_mend},
    [TASK_UNSEAT] = {SCAN_MS, FIRST_SCAN_MS, TASK_OF_OTHERS, TASK_NEEDS_DATABASE, unseat_holder},
    [TASK_COUNT] = {SCAN_MS, FIRST_SCAN_MS, TASK_OF_ALL, TASK_NEEDS_DATABASE, gauges_count},
    [TASK_TIDY] = {SCAN_MS, FIRST_SCAN_MS, TASK_OF_HOLDER, TASK_NEEDS_DATABASE, jobs_tidy_claims},
    [TASK_SCAN] = {SCAN_MS, FIRST_SCAN_MS, TASK_OF_HOLDER, TASK_NEEDS_NATS, streams_scan},
    [TASK_PURGE] = {PURGE_MS, FIRST_PURGE_MS, TASK_OF_HOLDER, TASK_NEEDS_DATABASE, jobs_purge},
    [TASK_SEAL] = {SEAL_MS, 0, TASK_OF_HOLDER, TASK_NEEDS_DATABASE, audit_seal},
    [TASK_COPY] = {SEAL_MS, 0, TASK_OF_HOLDER, TASK_NEEDS_NATS, audit_copy},
    [TASK_NOTE] = {0, 0, TASK_OF_ALL, TASK_NEEDS_DATABASE, audit_note},
};

void healing_hasten(struct healing *healing, enum task task)
{
    healing->due_ms[task] = 0;
}

static enum err_code run_task(struct healing *healing, enum task task, bool has_turn, struct err *err)
{
    const struct task_facts facts = {.who = tasks[task].who,
                                     .needs = tasks[task].needs,
                                     .has_turn = has_turn,
                                     .nats_up = mq_connected(healing->mq),
                                     .due_ms = healing->due_ms[task],
                                     .now_ms = clock_mono_ms()};
    const enum task_verdict verdict = task_decide(&facts);
    if (verdict == TASK_WAITS)
        return E_OK;
    healing->due_ms[task] = facts.now_ms + tasks[task].every_ms;
    enum err_code code = verdict == TASK_RUNS ? tasks[task].run(healing, err) : E_OK;
    const bool of_nats = code == E_UNAVAILABLE || code == E_NOT_FOUND;
    return facts.needs == TASK_NEEDS_NATS && of_nats ? E_OK : code;
}

static enum err_code round_of(struct healing *healing, struct err *err)
{
    bool has_turn = false;
    arena_reset(healing->arena);
    enum err_code code = healing_store_turn(healing->db, &has_turn, err);
    for (int task = 0; code == E_OK && task < TASKS; task++)
        code = run_task(healing, (enum task)task, has_turn, err);
    return code;
}

static void wait_stop(const struct healing *healing, int wait_ms)
{
    struct pollfd poll_fd = {.fd = healing->stop_fd, .events = POLLIN};
    poll(&poll_fd, 1, wait_ms);
}

/* Rounds on one connection. */
static enum err_code serve(struct healing *healing, struct err *err)
{
    enum err_code code = E_OK;
    for (int task = 0; task < TASKS; task++)
        healing->due_ms[task] = clock_mono_ms() + tasks[task].first_ms;
    while (code == E_OK && !atomic_load(&healing->stopping))
    {
        code = db_has_moved(healing->db) ? fail(err, E_DATABASE, "DATABASE_URL has changed")
                                         : round_of(healing, err);
        wait_stop(healing, ROUND_MS);
    }
    return code;
}

static void *run(void *of)
{
    struct healing *healing = of;
    while (!atomic_load(&healing->stopping))
    {
        struct err err = ERR_INIT;
        healing->arena = arena_new(ARENA_BYTES);
        enum err_code code = healing->arena != NULL ? db_get(healing->pool, &healing->db, &err) : E_NO_MEMORY;
        if (code == E_OK)
            code = serve(healing, &err);
        arena_free(healing->arena);
        db_put(healing->db);
        healing->db = NULL;
        if (code == E_OK)
            continue;
        log_debug("healing_failed", "%s", err.text);
        healing->in_doubt = true; /* with the connection the server may have gone */
        healing->scan_stream[0] = '\0';
        wait_stop(healing, AGAIN_MS);
    }
    return NULL;
}

/* ---- up and down ---------------------------------------------------------------------------- */

static bool gives_up(void *of)
{
    const struct healing *healing = of;
    const int64_t at_ms = atomic_load(&healing->give_up_ms);
    return at_ms != 0 && clock_mono_ms() >= at_ms;
}

static enum err_code open_pool(struct healing *healing, const struct healing_config *config, struct err *err)
{
    char name[64];
    snprintf(name, sizeof name, "%.40s healing", config->name);
    const struct db_pool_config pool = {.url = config->database_url,
                                        .name = name,
                                        .size = 1,
                                        .get_wait_ms = 1000,
                                        .statement_ms = 10000,
                                        .plans = DB_PLANS_ANY,
                                        .check = schema_check,
                                        .away = gives_up,
                                        .away_of = healing};
    return db_pool_open(&pool, &healing->pool, err);
}

static void close_all(struct healing *healing)
{
    db_pool_close(healing->pool);
    mq_publisher_close(healing->copier);
    pthread_mutex_destroy(&healing->lock);
    if (healing->stop_fd >= 0)
        close(healing->stop_fd);
    free(healing);
}

enum err_code healing_start(const struct healing_config *config, struct healing **out, struct err *err)
{
    struct healing *healing = calloc(1, sizeof *healing);
    if (healing == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    pthread_mutex_init(&healing->lock, NULL);
    snprintf(healing->name, sizeof healing->name, "%s", config->name);
    healing->mq = config->mq;
    healing->wake = config->wake;
    healing->wake_of = config->wake_of;
    healing->lease_ms = config->lease_ms;
    healing->retention_days = config->retention_days;
    healing->stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    gauges_expect(healing);
    enum err_code code = open_pool(healing, config, err);
    if (code == E_OK && (healing->stop_fd < 0 || pthread_create(&healing->thread, NULL, run, healing) != 0))
        code = fail(err, E_NO_MEMORY, "out of file descriptors or threads");
    if (code == E_OK)
        *out = healing;
    else
        close_all(healing);
    return code;
}

int64_t healing_backlog(const struct healing *healing)
{
    return atomic_load(&healing->backlog);
}

void healing_leave(struct healing *healing)
{
    if (healing == NULL || atomic_load(&healing->stopping))
        return;
    atomic_store(&healing->give_up_ms, clock_mono_ms() + LEAVE_MS);
    atomic_store(&healing->stopping, true);
    eventfd_write(healing->stop_fd, 1);
}

void healing_stop(struct healing *healing)
{
    if (healing == NULL)
        return;
    healing_leave(healing);
    pthread_join(healing->thread, NULL);
    close_all(healing);
}
