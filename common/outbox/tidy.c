/* SPDX-License-Identifier: Apache-2.0 */
/* What a nats-server that was killed leaves behind in the stream JOBS and its consumers. */
#include "common/outbox/internal.h"

#include "common/base/log.h"
#include "common/store/jobs.h"

#include <stdlib.h>
#include <string.h>

enum
{
    STAND_SWEEPS = 1, /* so often a consumer was found where it was the time before */
    BUSY_MS = 5000    /* a job that began before is a reason to stand */
};

/* What is known of consumers that stand; what costs a question is asked for when it matters. */
struct tidying
{
    struct outbox *outbox;
    struct db *db;
    struct arena *arena;
    const struct passed *passed;
    bool odd;                    /* the stream does not hold as many messages as consumers have to do with */
    struct mq_subject *subjects; /* what it holds, when it is odd */
    size_t subjects_count;
    struct job_consumer *busy; /* their workers run jobs that began long ago */
    size_t busy_count;
    bool asked; /* for busy */
};

static enum err_code has_reason(struct tidying *tidying, const struct job_consumer *at, bool *has,
                                struct err *err)
{
    enum err_code code = E_OK;
    if (!tidying->asked)
        code =
            job_store_busy(tidying->db, tidying->arena, BUSY_MS, &tidying->busy, &tidying->busy_count, err);
    tidying->asked = code == E_OK;
    *has = false;
    for (size_t i = 0; code == E_OK && i < tidying->busy_count; i++)
        *has = *has || (tidying->busy[i].priority == at->priority &&
                        strcmp(tidying->busy[i].worker, at->worker) == 0);
    return code;
}

/* The stream holds messages for it of which it knows nothing. */
static bool overlooks(const struct tidying *tidying, const struct job_consumer *at,
                      const struct mq_consumer *info)
{
    int64_t there = 0;
    for (size_t i = 0; i < tidying->subjects_count; i++)
        if (consumer_takes(tidying->subjects[i].name, at->worker, at->priority))
            there += tidying->subjects[i].messages;
    return there > info->pending + info->ack_pending;
}

static enum err_code make_anew(struct tidying *tidying, const struct job_consumer *at, struct err *err)
{
    log_warn("consumer_stands",
             "a consumer of %s waits for messages that JetStream does not deliver; it is made anew",
             at->worker);
    return mq_remake_consumer(tidying->outbox->mq, at->worker, at->priority, err);
}

/* A server that was killed may remember messages as unacknowledged that it has no more: it tries to deliver
 * them again and again, one for each request, before all others, and what lies behind them is never done
 * with.  Or it has one that it never delivers again, or, when it led the stream, one that the consumer never
 * heard of.  Or the consumer was made so soon after another of its name had gone that it delivers nothing, to
 * no request.  A consumer that stands still without a reason is made anew and delivers what is left; a
 * message whose job runs or is over is acknowledged at sight. */
static enum err_code tidy_consumer(struct tidying *tidying, size_t i, struct err *err)
{
    const struct job_consumer *at = &tidying->passed->consumers[i];
    const struct mq_consumer *info = &tidying->passed->infos[i];
    struct stand *stand = &tidying->outbox->stands[i];
    const struct stand was = *stand;
    bool has = false;
    *stand = (struct stand){0};
    if (tidying->odd && info->acked_seq >= tidying->passed->stream.first_seq)
        return mq_forget_acked(tidying->outbox->mq, at->worker, at->priority, info->acked_seq, err);
    const bool starves = (info->pending > 0 && info->waiting > 0) || overlooks(tidying, at, info);
    if (info->unsettled == 0 && !starves)
        return E_OK;
    stand->floor = 1 + (starves ? info->delivered_seq : info->acked_seq);
    if (stand->floor != was.floor)
        return E_OK;
    enum err_code code = tidying->odd || starves ? E_OK : has_reason(tidying, at, &has, err);
    if (code != E_OK || has)
        return code;
    stand->sweeps = was.sweeps + 1;
    if (was.sweeps < STAND_SWEEPS)
        return E_OK;
    *stand = (struct stand){0};
    return make_anew(tidying, at, err);
}

/* Workers become known as time goes by, and keep their places. */
static enum err_code make_stands(struct outbox *outbox, size_t count, struct err *err)
{
    if (count <= outbox->stands_count)
        return E_OK;
    struct stand *stands = reallocarray(outbox->stands, count, sizeof *stands);
    if (stands == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    for (size_t i = outbox->stands_count; i < count; i++)
        stands[i] = (struct stand){.floor = 0};
    outbox->stands = stands;
    outbox->stands_count = count;
    return E_OK;
}

enum err_code tidy_consumers(struct outbox *outbox, struct db *db, struct arena *arena,
                             const struct passed *passed, struct err *err)
{
    struct tidying tidying = {.outbox = outbox,
                              .db = db,
                              .arena = arena,
                              .passed = passed,
                              .odd = passed->stream.messages != passed->held};
    enum err_code code = make_stands(outbox, passed->count, err);
    if (code == E_OK && tidying.odd)
        code = mq_subjects(outbox->mq, arena, &tidying.subjects, &tidying.subjects_count, err);
    for (size_t i = 0; code == E_OK && i < passed->count; i++)
        code = tidy_consumer(&tidying, i, err);
    return code;
}
