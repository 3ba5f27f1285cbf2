/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relay.  One round: in one transaction take due rows, publish them, and commit when
 * JetStream has confirmed all; what was not confirmed stays.  A crash in between, or a second
 * relay, only doubles a message, and Nats-Msg-Id "<job_id>:<epoch>" makes the server drop it.
 */
#include "common/outbox/internal.h"

#include "common/base/crash.h"
#include "common/base/log.h"
#include "common/obs/metrics.h"
#include "common/store/outbox.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum
{
    BATCH = 1000,
    CONFIRM_MS = 1800, /* with the SQL around it no transaction is open for more than 2 s */
    LOOK_MS = 500,     /* rows that others left are picked up within a second */
    AWAY_MS = 250,
    HEADERS = 4,
    ARENA_BYTES = 64 * 1024 * 1024
};

struct batch
{
    struct outbox_row *rows;
    struct mq_message *messages;
    size_t count;
};

/* W3C trace context: the job's own id is the trace, the outbox row the span. */
static const char *trace_of(struct arena *arena, const struct outbox_row *row)
{
    char trace[33];
    size_t len = 0;
    for (const char *at = row->job_id; *at != '\0' && len < 32; at++)
        if (*at != '-')
            trace[len++] = *at;
    trace[len] = '\0';
    return arena_printf(arena, "00-%s-%016llx-01", trace, (unsigned long long)row->id);
}

static struct mq_message message_of(struct arena *arena, const struct outbox_row *row)
{
    struct mq_header *headers = arena_array(arena, HEADERS, sizeof *headers);
    size_t n = 0;
    if (headers != NULL && row->job_id != NULL)
    {
        const char *id = arena_printf(arena, "%s:%lld", row->job_id, (long long)row->epoch);
        headers[n++] = (struct mq_header){"Nats-Msg-Id", id};
        if (row->request_id[0] != '\0')
            headers[n++] = (struct mq_header){"X-Request-ID", row->request_id};
        headers[n++] = (struct mq_header){"traceparent", trace_of(arena, row)};
        if (row->alone)
            headers[n++] = (struct mq_header){"Sokoul-Alone", "1"};
    }
    else if (headers != NULL)
        headers[n++] =
            (struct mq_header){"Nats-Msg-Id", arena_printf(arena, "outbox:%lld", (long long)row->id)};
    return (struct mq_message){.subject = row->subject,
                               .headers = headers,
                               .headers_count = n,
                               .data = row->body,
                               .len = strlen(row->body)};
}

static bool is_job_message(const struct outbox_row *row)
{
    return strncmp(row->subject, "sokoul.jobs.", 12) == 0;
}

/* Notes where the confirmed wake-ups of JOBS went. */
static enum err_code note(struct outbox *outbox, struct db *db, struct arena *arena,
                          const struct batch *batch, struct err *err)
{
    struct outbox_batch noted = {.stream = outbox->stream.incarnation, .min_wake = INT64_MAX};
    for (size_t i = 0; i < batch->count; i++)
    {
        const struct mq_message *message = &batch->messages[i];
        int64_t wake = batch->rows[i].id;
        if (!message->confirmed || !is_job_message(&batch->rows[i]))
            continue;
        noted.min_wake = wake < noted.min_wake ? wake : noted.min_wake;
        noted.max_wake = wake > noted.max_wake ? wake : noted.max_wake;
        noted.max_seq = message->seq > noted.max_seq ? message->seq : noted.max_seq;
    }
    return noted.max_seq == 0 ? E_OK : outbox_store_note(db, arena, &noted, err);
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

/* Some were not confirmed: forget the deletion of all, then delete just the confirmed ones. */
static void keep_unconfirmed(struct outbox *outbox, struct db *db, struct arena *arena,
                             const struct batch *batch)
{
    struct err err = ERR_INIT;
    int64_t *ids = arena_array(arena, batch->count, sizeof *ids);
    size_t n = 0;
    db_rollback(db);
    for (size_t i = 0; ids != NULL && i < batch->count; i++)
        if (batch->messages[i].confirmed || batch->messages[i].hopeless)
            ids[n++] = batch->rows[i].id;
    if (n == 0)
        return;
    enum err_code code = db_begin(db, &err);
    if (code == E_OK)
        code = outbox_store_delete(db, arena, ids, n, &err);
    if (code == E_OK)
        code = commit_confirmed(outbox, db, arena, batch, &err);
    if (code != E_OK)
        log_debug("relay_failed", "%s", err.text);
}

static enum err_code take(struct db *db, struct arena *arena, struct batch *batch, struct err *err)
{
    enum err_code code = db_begin(db, err);
    if (code == E_OK)
        code = outbox_store_take(db, arena, BATCH, &batch->rows, &batch->count, err);
    if (code != E_OK)
        return code;
    batch->messages = arena_array(arena, batch->count, sizeof *batch->messages);
    for (size_t i = 0; batch->messages != NULL && i < batch->count; i++)
        batch->messages[i] = message_of(arena, &batch->rows[i]);
    return arena_failed(arena) ? fail(err, E_NO_MEMORY, "out of memory") : E_OK;
}

/* *published: how many rows left; as many as a batch holds means there may be more. */
static enum err_code round_trip(struct outbox *outbox, struct db *db, struct arena *arena, size_t *published,
                                struct err *err)
{
    struct batch batch = {0};
    enum err_code code = take(db, arena, &batch, err);
    if (code != E_OK)
    {
        db_rollback(db);
        return code;
    }
    if (batch.count == 0)
        return db_commit(db, err);
    crash_point("relay_taken");
    code = mq_publish_all(outbox->publisher, batch.messages, batch.count, CONFIRM_MS, err);
    crash_point("relay_confirmed");
    tell_hopeless(&batch);
    if (code == E_OK)
        code = commit_confirmed(outbox, db, arena, &batch, err);
    if (code != E_OK)
    {
        keep_unconfirmed(outbox, db, arena, &batch);
        return code;
    }
    metrics_add(METRIC_NATS_PUBLISHED, batch.count);
    *published = batch.count;
    return E_OK;
}

/* After each connect, and after a refusal: are the streams there, and are they what they were? */
static enum err_code verify(struct outbox *outbox, struct db *db, struct arena *arena, struct err *err)
{
    int connections = mq_connections(outbox->mq);
    if (outbox->verified == connections)
        return E_OK;
    enum err_code code = stream_verify(outbox->mq, db, arena, &outbox->stream, err);
    if (code == E_OK)
        outbox->verified = connections;
    return code;
}

/* Rounds until nothing is due. */
static enum err_code drain(struct outbox *outbox, struct db *db, struct arena *arena, struct err *err)
{
    size_t published = 1;
    enum err_code code = verify(outbox, db, arena, err);
    while (code == E_OK && published > 0)
    {
        published = 0;
        arena_reset(arena);
        code = round_trip(outbox, db, arena, &published, err);
    }
    if (code == E_UNAVAILABLE || code == E_NOT_FOUND)
        outbox->verified = -1;
    return code;
}

static void forget_wakes(struct outbox *outbox)
{
    uint64_t count = 0;
    if (read(outbox->wake_fd, &count, sizeof count) < 0)
        return; /* nobody woke us */
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
    while (code == E_OK && !atomic_load(&outbox->stopping))
    {
        struct err why = ERR_INIT;
        forget_wakes(outbox);
        if (mq_connected(outbox->mq))
            code = drain(outbox, db, arena, &why);
        else
            code = fail(&why, E_UNAVAILABLE, "NATS is away");
        if (code == E_UNAVAILABLE || code == E_NOT_FOUND)
            wait_stop(outbox, AWAY_MS); /* a wake would only make us ask again */
        else if (code != E_OK)
        {
            *err = why;
            break;
        }
        tell(outbox, &why);
        code = db_wait(db, outbox->wake_fd, LOOK_MS, err);
    }
    return code;
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
        enum err_code code = arena != NULL ? db_get(outbox->relay_pool, &db, &err) : E_NO_MEMORY;
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
