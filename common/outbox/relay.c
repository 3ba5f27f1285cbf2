/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relay.  One round: in one transaction take due rows, publish them, and commit when JetStream has
 * confirmed all; what was not confirmed stays.  A crash in between, or a second relay, only doubles a
 * message, and Nats-Msg-Id "<job_id>:<epoch>" makes the server drop it.  Or, for a crowd of rows and a worker
 * of this process that has room: claim them for it (local.c), which needs no broker.  While JetStream is away
 * that is done for few as well: nobody waits for a broker whom a worker can help.
 */
#include "common/outbox/internal.h"

#include "common/base/clock.h"
#include "common/base/crash.h"
#include "common/base/log.h"
#include "common/obs/metrics.h"
#include "common/store/jobs.h"
#include "common/store/outbox.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum
{
    LOCAL_LEAST = 32, /* so few go over NATS, which whoever listens there relies on; more are a crowd */
    LOOK_MS = 400,    /* rows that others left are picked up within a second: */
    HOLD_MS = 500,    /* their own relay, or a worker that needs no NATS, has had its chance by then */
    HOLD_LOCAL_MS = 200,
    ROOM_MS = 200, /* how soon it asks again for room in the local worker */
    AWAY_MS = 250,
    DOUBT_MS = 15000,     /* after JetStream was away, or silent */
    DOUBT_HOLD_MS = 3000, /* workers that ask a silent JetStream look at the table every other second */
    ARENA_BYTES = 64 * 1024 * 1024
};

static enum err_code note(struct outbox *outbox, struct db *db, struct arena *arena,
                          const struct batch *batch, struct err *err)
{
    const struct outbox_batch where = batch_noted(outbox, batch);
    bool current = true;
    enum err_code code = where.max_seq == 0 ? E_OK : outbox_store_note(db, arena, &where, &current, err);
    if (!current)
        outbox->verified = -1;
    return code;
}

static enum err_code commit_confirmed(struct outbox *outbox, struct db *db, struct arena *arena,
                                      const struct batch *batch, struct err *err)
{
    enum err_code code = note(outbox, db, arena, batch, err);
    return code == E_OK ? db_commit(db, err) : code;
}

/* A row that can never be sent would come first again and again: it goes, and the log says so. */
static void tell_hopeless(const struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        if (batch->messages[i].hopeless)
            log_error("wake_up_dropped", "outbox row %lld of job %s cannot be sent to \"%.100s\"",
                      (long long)batch->rows[i].id,
                      batch->rows[i].job_id != NULL ? batch->rows[i].job_id : "none", batch->rows[i].subject);
}

/* What a batch that was confirmed in part leaves to be done. */
struct rest
{
    int64_t *gone; /* rows of outbox */
    size_t gone_count;
    int64_t *wakes; /* of crowds */
    size_t wakes_count;
    const char **sent; /* jobs of crowds */
    size_t sent_count;
};

/* False: no memory. */
static bool rest_of(struct arena *arena, const struct batch *batch, struct rest *rest)
{
    *rest = (struct rest){.gone = arena_array(arena, batch->count, sizeof *rest->gone),
                          .wakes = arena_array(arena, batch->count, sizeof *rest->wakes),
                          .sent = arena_array(arena, batch->count, sizeof *rest->sent)};
    for (size_t i = 0; !arena_failed(arena) && i < batch->count; i++)
    {
        const struct outbox_row *row = &batch->rows[i];
        bool over = batch->messages[i].confirmed || batch->messages[i].hopeless;
        if (row->crowd && (rest->wakes_count == 0 || rest->wakes[rest->wakes_count - 1] != row->id))
            rest->wakes[rest->wakes_count++] = row->id;
        if (over && row->crowd)
            rest->sent[rest->sent_count++] = row->job_id;
        else if (over)
            rest->gone[rest->gone_count++] = row->id;
    }
    return !arena_failed(arena);
}

/* Some were not confirmed: forget the deletion of all, then delete just the confirmed ones.  Of a crowd the
 * others become rows of outbox. */
static void keep_unconfirmed(struct outbox *outbox, struct db *db, struct arena *arena,
                             const struct batch *batch)
{
    struct err err = ERR_INIT;
    struct rest rest;
    db_rollback(db);
    if (!rest_of(arena, batch, &rest) || rest.gone_count + rest.sent_count == 0)
        return;
    enum err_code code = db_begin(db, &err);
    if (code == E_OK && rest.gone_count > 0)
        code = outbox_store_delete(db, arena, rest.gone, rest.gone_count, &err);
    if (code == E_OK && rest.sent_count > 0)
        code = outbox_store_spread(db, arena, rest.wakes, rest.wakes_count, rest.sent, rest.sent_count, &err);
    if (code == E_OK)
        code = commit_confirmed(outbox, db, arena, batch, &err);
    if (code != E_OK)
        log_debug("relay_failed", "%s", err.text);
}

/* With a local worker few are taken at first: are there more, they are a crowd. */
static struct outbox_ask ask_for(struct outbox *outbox, int room, const struct hold *hold)
{
    int64_t max = room <= 0 || outbox->crowd == CROWD_OTHERS ? RELAY_BATCH : LOCAL_LEAST + 1;
    return (struct outbox_ask){.max = max,
                               .max_high = ++outbox->turn % 4 == 0 ? 0 : max,
                               .hold_ms = hold->others_ms,
                               .own_hold_ms = hold->own_ms,
                               .own = room >= 0 ? outbox->local_subjects : NULL,
                               .except =
                                   local_is_worth_waiting(outbox, room) ? outbox->local_subjects : NULL};
}

/* A crowd is for the local worker, which may be busy; what it cannot take is looked at now and then. */
static bool is_time_to_look_past(struct outbox *outbox)
{
    int64_t now_ms = clock_mono_ms();
    if (now_ms - outbox->past_ms < LOOK_MS)
        return false;
    outbox->past_ms = now_ms;
    return true;
}

static enum crowd crowd_after_take(enum crowd was, bool full, int room)
{
    if (was == CROWD_DUE || was == CROWD_SERVED)
        return CROWD_DUE;
    if (!full)
        return CROWD_NONE;
    return room > 0 ? CROWD_DUE : was;
}

/* ---- a round ---------------------------------------------------------------------------------- */

static enum err_code append(struct arena *arena, struct batch *batch, const struct outbox_row *rows,
                            size_t count, struct err *err)
{
    struct outbox_row *all = arena_array(arena, batch->count + count, sizeof *all);
    if (all == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    memcpy(all, batch->rows, batch->count * sizeof *all);
    memcpy(all + batch->count, rows, count * sizeof *rows);
    batch->rows = all;
    batch->count += count;
    return E_OK;
}

/* Crowds of a local worker that has room, or will have, are left to it. */
static enum err_code take_crowds(struct outbox *outbox, struct db *db, struct arena *arena, int room,
                                 const struct outbox_ask *asked, struct batch *batch, size_t *moved,
                                 struct err *err)
{
    struct outbox_ask ask = *asked;
    struct outbox_row *rows = NULL;
    size_t count = 0;
    size_t taken = 0;
    ask.max = RELAY_BATCH - (int64_t)batch->count;
    if (room > 0)
        ask.except = outbox->local_subjects;
    enum err_code code = outbox_store_take_crowds(db, arena, &ask, &rows, &count, &taken, err);
    *moved += code == E_OK ? taken : 0;
    return code == E_OK && count > 0 ? append(arena, batch, rows, count, err) : code;
}

/* *moved: how many rows were taken, by whomever; where no urgent ones were asked for, nothing is not yet the
 * end. */
static enum err_code take(struct outbox *outbox, struct db *db, struct arena *arena, int room,
                          const struct hold *hold, struct batch *batch, size_t *moved, struct err *err)
{
    const struct outbox_ask ask = ask_for(outbox, room, hold);
    enum err_code code = db_begin(db, err);
    if (code == E_OK)
        code = outbox_store_take(db, arena, &ask, &batch->rows, &batch->count, moved, err);
    if (code != E_OK)
        return code;
    outbox->crowd = crowd_after_take(outbox->crowd, *moved == (size_t)ask.max, room);
    if (*moved == 0 && ask.max_high == 0)
        *moved = 1;
    return take_crowds(outbox, db, arena, room, &ask, batch, moved, err);
}

static enum err_code publish(struct outbox *outbox, struct db *db, struct arena *arena, struct batch *batch,
                             struct err *err)
{
    enum err_code code = batch_write(arena, batch, err);
    if (code != E_OK)
        return code;
    crash_point("relay_taken");
    code = mq_publish_all(outbox->publisher, batch->messages, batch->count, RELAY_CONFIRM_MS, err);
    crash_point("relay_confirmed");
    tell_hopeless(batch);
    if (code == E_OK)
        code = commit_confirmed(outbox, db, arena, batch, err);
    if (code != E_OK)
        keep_unconfirmed(outbox, db, arena, batch);
    else
        metrics_add(METRIC_NATS_PUBLISHED, batch->count);
    return code;
}

static enum err_code publish_or_commit(struct outbox *outbox, struct db *db, struct arena *arena,
                                       struct batch *batch, struct err *err)
{
    return batch->count > 0 ? publish(outbox, db, arena, batch, err) : db_commit(db, err);
}

static enum err_code relay(struct outbox *outbox, struct db *db, struct arena *arena, int room,
                           const struct hold *hold, size_t *moved, struct err *err)
{
    struct batch batch = {0};
    enum err_code code = take(outbox, db, arena, room, hold, &batch, moved, err);
    if (code == E_OK)
        code = publish_or_commit(outbox, db, arena, &batch, err);
    if (code != E_OK)
        db_rollback(db);
    return code;
}

/* What is left for the broker comes when there is no crowd any more. */
static enum err_code bring(struct outbox *outbox, struct db *db, struct arena *arena, int room,
                           const struct hold *hold, size_t *moved, struct err *err)
{
    enum err_code code = local_bring(outbox, db, arena, room, hold, moved, err);
    outbox->crowd = *moved > LOCAL_LEAST ? CROWD_SERVED : *moved == 0 ? CROWD_OTHERS : CROWD_NONE;
    *moved += 1;
    return code;
}

/* Crowds go before rows, which have every fourth turn.  A worker with little room would take another crowd
 * apart each time: what is left of the latest one, which is in outbox, goes first. */
static bool is_crowds_turn(struct outbox *outbox, int room)
{
    if (room < JOB_CROWD_ROW)
        return outbox->crowd == CROWD_NONE || outbox->crowd == CROWD_OTHERS;
    return outbox->crowd != CROWD_SERVED || ++outbox->bring_turn % 4 != 0;
}

/* *moved 0: nothing is known that this worker could take, and it was not told yet. */
static enum err_code bring_any(struct outbox *outbox, struct db *db, struct arena *arena, int room,
                               const struct hold *hold, size_t *moved, struct err *err)
{
    enum err_code code = E_OK;
    const bool known = outbox->crowd == CROWD_SERVED || outbox->crowd == CROWD_DUE;
    if (is_crowds_turn(outbox, room))
        code = local_bring_crowd(outbox, db, arena, room, hold, moved, err);
    if (*moved > 0)
        outbox->crowd = room < JOB_CROWD_ROW ? CROWD_DUE : CROWD_SERVED;
    else if (code == E_OK && known)
        code = bring(outbox, db, arena, room, hold, moved, err);
    return code;
}

static enum err_code round_trip(struct outbox *outbox, struct db *db, struct arena *arena,
                                const struct hold *hold, size_t *moved, struct err *err)
{
    enum err_code code = E_OK;
    *moved = 0;
    pthread_mutex_lock(&outbox->local_lock);
    int room = local_room(outbox);
    outbox->cut_short = room == 0;
    if (room == 0)
        atomic_store(&outbox->starved, true);
    const bool served = room > 0 && outbox->crowd == CROWD_SERVED;
    const bool waits = local_is_worth_waiting(outbox, room);
    const bool past = (served || waits) && is_time_to_look_past(outbox);
    if (room > 0 && !past)
        code = bring_any(outbox, db, arena, room, hold, moved, err);
    const bool relays = code == E_OK && *moved == 0 && (past || !waits);
    if (relays && room > 0) /* it had kept a place free for what does not come this way */
        outbox->local.got(outbox->local.of, NULL, 0);
    pthread_mutex_unlock(&outbox->local_lock);
    if (!relays)
        return code;
    code = relay(outbox, db, arena, room, hold, moved, err); /* without the lock: the broker may not read */
    if (served)                                              /* it only looked past the crowd */
        *moved += 1;
    return code;
}

static bool is_verified(struct outbox *outbox)
{
    return mq_connected(outbox->mq) && outbox->verified == mq_connections(outbox->mq);
}

/* After each connect, and after a refusal: are the streams there, and are they what they were? */
static enum err_code verify(struct outbox *outbox, struct db *db, struct arena *arena, struct err *err)
{
    int connections = mq_connections(outbox->mq);
    if (is_verified(outbox))
        return E_OK;
    enum err_code code = stream_verify(outbox->mq, db, arena, &outbox->stream, err);
    if (code == E_OK)
        outbox->verified = connections;
    return code;
}

/* Rounds until nothing is due. `hold` NULL: all that was new was fresh.  Rows that come without end do not
 * keep it from the table: what is left of them, it is woken for again. */
static enum err_code drain(struct outbox *outbox, struct db *db, struct arena *arena, const struct hold *hold,
                           struct err *err)
{
    size_t moved = hold == NULL ? 0 : 1;
    enum err_code code = verify(outbox, db, arena, err);
    if (code == E_OK)
        code = fresh_publish(outbox, db, arena, outbox->looked_ms + LOOK_MS, err);
    else
        fresh_drop(outbox); /* the table has them */
    if (moved > 0)
        outbox->looked_ms = clock_mono_ms();
    while (code == E_OK && moved > 0)
    {
        arena_reset(arena);
        code = round_trip(outbox, db, arena, hold, &moved, err);
        if (outbox_gives_up(outbox))
            break;
    }
    if (fresh_waits(outbox))
        outbox_signal(outbox);
    if (code == E_UNAVAILABLE || code == E_NOT_FOUND)
        outbox->verified = -1;
    return code;
}

/* Leaving: whatever is due is looked at once more, and whose it is does not matter. */
static enum err_code look_last(struct outbox *outbox, struct db *db, struct arena *arena, struct err *err)
{
    const struct hold none = {.own_ms = 0, .others_ms = 0};
    return mq_connected(outbox->mq) ? drain(outbox, db, arena, &none, err) : E_OK;
}

/* What this process committed is ours at once, and so is, if we were told of it, what our own worker can
 * take; the rest is somebody else's for a while.  When the worker has room again that still holds of what it
 * had no room for.  False: all that was new was fresh. */
static bool must_look(struct outbox *outbox, bool told, struct hold *hold)
{
    const struct hold before = *hold;
    uint64_t count = 0;
    bool woken = read(outbox->wake_fd, &count, sizeof count) > 0;
    bool later = read(outbox->later_fd, &count, sizeof count) > 0;
    if (later)
        atomic_store(&outbox->later, false); /* before the look: who comes now sets it again */
    bool own = atomic_exchange(&outbox->own, false) || later;
    pthread_mutex_lock(&outbox->local_lock);
    bool local = outbox->local.worker != NULL;
    pthread_mutex_unlock(&outbox->local_lock);
    hold->others_ms = own ? 0 : HOLD_MS;
    hold->own_ms = own || told ? 0 : HOLD_LOCAL_MS;
    if (outbox->cut_short)
    {
        hold->others_ms = before.others_ms < hold->others_ms ? before.others_ms : hold->others_ms;
        hold->own_ms = before.own_ms < hold->own_ms ? before.own_ms : hold->own_ms;
    }
    return own || told || local || !woken || clock_mono_ms() - outbox->looked_ms >= LOOK_MS;
}

/* JetStream is not there, or was not a moment ago: a cluster that has lost a server takes messages before it
 * delivers them again.  Then the worker of this process goes first, and what this process committed is left
 * to the workers of others for a while. */
static bool is_in_doubt(struct outbox *outbox, struct hold *hold)
{
    const int64_t now_ms = clock_mono_ms();
    const bool well = is_verified(outbox) && mq_answers(outbox->mq);
    outbox->proven = outbox->proven || well;
    if (!well && outbox->proven)
        outbox->doubt_until_ms = now_ms + DOUBT_MS;
    if (now_ms >= outbox->doubt_until_ms)
        return !well;
    fresh_drop(outbox); /* the table has them */
    hold->others_ms = DOUBT_HOLD_MS;
    return true;
}

/* One log line when NATS goes, one when it is back: rows wait meanwhile. */
static void tell(struct outbox *outbox, const struct err *why)
{
    bool away = why->code != E_OK;
    if (away && !outbox->complained)
        log_warn("relay_waits", "wake-ups wait in the outbox: %s", why->text);
    if (!away && outbox->complained)
        log_info("relay_resumes", "JetStream takes wake-ups again");
    outbox->complained = away;
}

/* Holds one connection: it listens, so it must be ours alone. */
static enum err_code serve(struct outbox *outbox, struct db *db, struct arena *arena, struct err *err)
{
    enum err_code code = db_listen(db, "sokoul_outbox", err);
    bool told = false;
    struct hold hold = {.own_ms = HOLD_LOCAL_MS, .others_ms = HOLD_MS};
    while (code == E_OK && !atomic_load(&outbox->stopping))
    {
        struct err why = ERR_INIT;
        bool look = must_look(outbox, told, &hold);
        if (is_in_doubt(outbox, &hold))
            code = local_go_on(outbox, db, arena, &hold, err);
        if (code != E_OK)
            break;
        if (mq_connected(outbox->mq))
            code = drain(outbox, db, arena, look ? &hold : NULL, &why);
        else
        {
            fresh_drop(outbox); /* the table has them */
            code = fail(&why, E_UNAVAILABLE, "NATS is away");
        }
        if (code == E_UNAVAILABLE || code == E_NOT_FOUND)
            wait_stop(outbox, AWAY_MS); /* a wake would only make us ask again */
        else if (code != E_OK)
        {
            *err = why;
            break;
        }
        tell(outbox, &why);
        code = db_wait(db, outbox->news_fd, outbox->no_room_since_ms != 0 ? ROOM_MS : LOOK_MS, &told, err);
    }
    return code == E_OK ? look_last(outbox, db, arena, err) : code;
}

void *relay_run(void *of)
{
    struct outbox *outbox = of;
    int64_t backoff_ms = 100;
    while (!atomic_load(&outbox->stopping))
    {
        struct db *db = NULL;
        struct err err = ERR_INIT;
        struct arena *arena = arena_new(ARENA_BYTES);
        enum err_code code = arena != NULL ? db_get(outbox->pool, &db, &err) : E_NO_MEMORY;
        if (code == E_OK)
        {
            backoff_ms = 100;
            code = serve(outbox, db, arena, &err);
        }
        arena_free(arena); /* its rows are freed before the connection goes back */
        db_put(db);
        if (code == E_OK)
            continue;
        log_debug("relay_failed", "%s", err.text);
        wait_stop(outbox, backoff_ms);
        backoff_ms = backoff_ms < 2000 ? backoff_ms * 2 : 2000;
    }
    return NULL;
}
