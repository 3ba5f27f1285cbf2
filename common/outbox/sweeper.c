/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sweeper: twice a second it takes back what dead workers hold, calls jobs that wait for a limit although
 * a place is free (cancel and take-back leave some), fires periodic jobs, and mends streams that look wrong;
 * every ten seconds it wakes what nobody will wake, looks after streams, and counts; every hour it forgets
 * what is old.  Of all sweepers on a database one holds the advisory lock and works, the others wait for
 * their turn, and take it from one that is frozen.
 */
#include "common/outbox/internal.h"

#include "common/base/clock.h"
#include "common/base/crash.h"
#include "common/base/log.h"
#include "common/obs/metrics.h"
#include "common/store/jobs.h"
#include "common/store/limits.h"
#include "common/store/outbox.h"
#include "common/store/retention.h"
#include "common/store/schedules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
    LOOK_MS = 500,
    SWEEP_MS = 10000,
    SETTLE_MS = 1000,
    PURGE_MS = 3600000,
    PURGE_LIMIT = 5000,
    ARENA_BYTES = 16 * 1024 * 1024
};

struct round
{
    struct outbox *outbox;
    struct db *db;
    struct arena *arena;
    bool hurry;      /* the next step of the walk is due at once */
    int64_t mend_ms; /* when what looks wrong is mended: monotonic; 0: nothing does */
};

static enum err_code take_back(struct round *round, struct err *err)
{
    int64_t moved = 0;
    enum err_code code = job_store_take_back(round->db, round->arena, round->outbox->lease_ms, &moved, err);
    if (code != E_OK || moved == 0)
        return code;
    metrics_add(METRIC_JOBS_TAKEN_BACK, (uint64_t)moved);
    log_warn("jobs_taken_back", "took back %lld jobs from workers that died or froze", (long long)moved);
    outbox_wake(round->outbox);
    return E_OK;
}

static enum err_code call_waiting(struct round *round, struct err *err)
{
    int64_t called = 0;
    enum err_code code = job_limit_sweep(round->db, round->arena, &called, err);
    if (code == E_OK && called > 0)
        outbox_wake(round->outbox);
    return code;
}

static enum err_code fire_schedules(struct round *round, struct err *err)
{
    int64_t fired = 0;
    enum err_code code = schedule_store_fire(round->db, round->arena, &fired, err);
    if (code == E_OK && fired > 0)
        outbox_wake(round->outbox);
    if (code == E_OK || code == E_DATABASE || code == E_TIMEOUT)
        return code;
    log_error("schedules_failed", "periodic jobs could not be made: %s", err->text);
    return E_OK; /* what else the sweeper does must go on */
}

static enum err_code ask_consumer(struct round *round, const char *worker, enum job_priority priority,
                                  struct passed *passed, struct err *err)
{
    struct mq_consumer consumer;
    const int64_t removed_seq = passed->stream.first_seq - 1; /* whoever did it, and whatever consumers say */
    enum err_code code = mq_consumer_info(round->outbox->mq, worker, priority, &consumer, err);
    if (code != E_OK)
        return code;
    passed->infos[passed->count] = consumer;
    if (consumer.acked_seq < removed_seq)
        consumer.acked_seq = removed_seq;
    if (consumer.delivered_seq < removed_seq)
        consumer.delivered_seq = removed_seq;
    passed->consumers[passed->count++] = (struct job_consumer){.worker = worker,
                                                               .priority = priority,
                                                               .delivered_seq = consumer.delivered_seq,
                                                               .acked_seq = consumer.acked_seq};
    if (consumer.acked_seq < passed->seq)
        passed->seq = consumer.acked_seq;
    passed->held += consumer.pending + consumer.ack_pending;
    return E_OK;
}

static enum err_code ask_consumers(struct round *round, struct passed *passed, struct err *err)
{
    size_t workers = 0;
    while (mq_worker_at(round->outbox->mq, workers) != NULL)
        workers++;
    *passed = (struct passed){.seq = INT64_MAX};
    enum err_code code = mq_stream_info(round->outbox->mq, "JOBS", &passed->stream, err);
    passed->consumers = arena_array(round->arena, workers * JOB_PRIORITIES, sizeof *passed->consumers);
    passed->infos = arena_array(round->arena, workers * JOB_PRIORITIES, sizeof *passed->infos);
    if (passed->consumers == NULL || passed->infos == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    for (size_t i = 0; code == E_OK && i < workers; i++)
        for (int priority = 0; code == E_OK && priority < JOB_PRIORITIES; priority++)
            code = ask_consumer(round, mq_worker_at(round->outbox->mq, i), (enum job_priority)priority,
                                passed, err);
    return code;
}

/* A step of the walk. When the stream is another one than at the last complete walk, what was in the old one
 * is lost; when the database was restarted, claims may be, whose messages somebody acknowledged. Then it
 * begins anew, and its steps follow each other fast. */
static enum err_code walk(struct round *round, const struct stream_now *now, const struct passed *passed,
                          struct err *err)
{
    const struct job_stream stream = {.stream = now->incarnation, .ack_wait_ms = MQ_ACK_WAIT_MS};
    struct job_walk *at = &round->outbox->walk;
    const bool complete = now->swept && !round->outbox->walk_again;
    if (!complete && strcmp(round->outbox->walked, now->incarnation) != 0)
    {
        at->before[0] = '\0';
        snprintf(round->outbox->walked, sizeof round->outbox->walked, "%s", now->incarnation);
    }
    enum err_code code =
        job_store_sweep(round->db, round->arena, &stream, passed->consumers, passed->count, at, err);
    if (code != E_OK)
        return code;
    round->hurry = !complete && at->before[0] != '\0';
    if (at->woken > 0)
    {
        outbox_wake(round->outbox);
        metrics_add(METRIC_JOBS_SWEPT, (uint64_t)at->woken);
        log_warn("jobs_swept", "woke %lld jobs again whose message is gone", (long long)at->woken);
    }
    if (complete || round->hurry)
        return E_OK;
    round->outbox->walk_again = false;
    return outbox_store_swept(round->db, now->incarnation, err);
}

/* Workers that are not the product's make themselves known by their rows. */
static enum err_code meet_workers(struct round *round, struct err *err)
{
    const char **names = NULL;
    size_t n = 0;
    enum err_code code = worker_store_names(round->db, round->arena, &names, &n, err);
    for (size_t i = 0; code == E_OK && i < n; i++)
        mq_know_worker(round->outbox->mq, names[i]);
    return code;
}

/* A consumer with nothing left says nothing about where the stream is; the stream's own end does. */
static enum err_code sweep(struct round *round, struct err *err)
{
    struct stream_now now;
    struct passed passed;
    enum err_code code = meet_workers(round, err);
    if (code == E_OK)
        code = stream_verify(round->outbox->mq, round->db, round->arena, &now, err);
    if (code == E_OK)
        code = ask_consumers(round, &passed, err);
    if (code == E_OK)
        code = walk(round, &now, &passed, err);
    if (code == E_OK)
        code = outbox_store_forget(round->db, round->arena, now.incarnation, passed.seq, err);
    return code == E_OK ? tidy_consumers(round->outbox, round->db, round->arena, &passed, err) : code;
}

static enum err_code purge(struct round *round, struct err *err)
{
    int64_t deleted = PURGE_LIMIT;
    enum err_code code = E_OK;
    while (code == E_OK && deleted == PURGE_LIMIT && !atomic_load(&round->outbox->stopping))
        code = job_store_purge(round->db, round->outbox->retention_days, PURGE_LIMIT, &deleted, err);
    const struct retention retention = {.days = round->outbox->retention_days, .limit = PURGE_LIMIT};
    for (bool more = true; code == E_OK && more && !atomic_load(&round->outbox->stopping);)
        code = retention_store_run(round->db, round->arena, &retention, &more, err);
    return code;
}

/* Whoever has the turn may be frozen. */
static void watch_holder(struct db *db)
{
    int unseated = 0;
    struct err err = ERR_INIT;
    if (sweep_unseat(db, &unseated, &err) != E_OK)
        log_debug("sweeper_failed", "%s", err.text);
    else if (unseated > 0)
        log_warn("sweeper_unseated", "the process that swept has been silent; somebody else sweeps now");
}

/* Between sweeps, which must lie apart.  A server that has just deleted a stream or consumer is left a moment
 * to finish: one that was made meanwhile may deliver nothing.  True: what was in JOBS is lost and a sweep is
 * due. */
static bool mend(struct round *round, int64_t now_ms)
{
    struct stream_now now;
    struct err err = ERR_INIT;
    if (mq_looks_wrong(round->outbox->mq) && round->mend_ms == 0)
        round->mend_ms = now_ms + SETTLE_MS;
    if (round->mend_ms == 0 || now_ms < round->mend_ms)
        return false;
    round->mend_ms = 0;
    if (stream_verify(round->outbox->mq, round->db, round->arena, &now, &err) == E_OK)
        return !now.swept;
    log_debug("sweeper_failed", "%s", err.text);
    return false;
}

/* Gauges are everybody's; the rest is done by whoever holds the turn. */
static enum err_code work(struct round *round, int64_t *sweep_at_ms, int64_t *purge_at_ms, struct err *err)
{
    bool mine = false;
    enum err_code code = sweep_turn(round->db, &mine, err);
    int64_t now = clock_mono_ms();
    if (code == E_OK && mine)
        code = take_back(round, err);
    if (code == E_OK && mine)
        code = call_waiting(round, err);
    if (code == E_OK && mine)
        code = fire_schedules(round, err);
    if (code == E_OK && mine && mend(round, now))
        *sweep_at_ms = now;
    if (code != E_OK || now < *sweep_at_ms)
        return code;
    *sweep_at_ms = now + SWEEP_MS;
    round->hurry = false;
    if (!mine)
        watch_holder(round->db);
    code = gauges_measure(round->outbox, round->db, round->arena, err);
    crash_point("sweep");
    if (code == E_OK && mine)
        code = job_store_tidy_claims(round->db, round->arena, round->outbox->lease_ms, err);
    if (code == E_OK && mine && mq_connected(round->outbox->mq))
    {
        struct err why = ERR_INIT;
        code = sweep(round, &why);
        if (code == E_UNAVAILABLE || code == E_NOT_FOUND) /* NATS: the next round sees */
            code = E_OK;
        if (code != E_OK)
            *err = why;
    }
    if (round->hurry)
        *sweep_at_ms = now;
    if (code == E_OK && mine && now >= *purge_at_ms)
    {
        *purge_at_ms = now + PURGE_MS;
        code = purge(round, err);
    }
    return code;
}

static enum err_code serve(struct outbox *outbox, struct db *db, struct arena *arena, struct err *err)
{
    struct round round = {.outbox = outbox, .db = db, .arena = arena};
    int64_t sweep_at_ms = clock_mono_ms() + 1000;
    int64_t purge_at_ms = clock_mono_ms() + 60000;
    enum err_code code = E_OK;
    while (code == E_OK && !atomic_load(&outbox->stopping))
    {
        arena_reset(arena);
        code = work(&round, &sweep_at_ms, &purge_at_ms, err);
        wait_stop(outbox, LOOK_MS);
    }
    return code;
}

void *sweeper_run(void *of)
{
    struct outbox *outbox = of;
    while (!atomic_load(&outbox->stopping))
    {
        struct db *db = NULL;
        struct err err = ERR_INIT;
        struct arena *arena = arena_new(ARENA_BYTES);
        enum err_code code = arena != NULL ? db_get(outbox->sweep_pool, &db, &err) : E_NO_MEMORY;
        if (code == E_OK)
            code = serve(outbox, db, arena, &err);
        arena_free(arena);
        db_put(db);
        if (code == E_OK)
            continue;
        log_debug("sweeper_failed", "%s", err.text);
        outbox->walk_again = true; /* with the connection the server may have gone */
        outbox->walked[0] = '\0';
        wait_stop(outbox, 1000);
    }
    return NULL;
}
