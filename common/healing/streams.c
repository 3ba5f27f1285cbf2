/* SPDX-License-Identifier: Apache-2.0 */
/* Streams and consumers: what is missing or wrong is made or mended, what is stalled is made anew. */
#include "common/healing/streams.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/healing/internal.h"
#include "common/obs/metrics.h"
#include "common/store/outbox.h"

#include <stdio.h>
#include <string.h>

enum
{
    BUSY_MS = 5000 /* a job that began before is a reason for a consumer to be where it was */
};

enum err_code stream_verify(struct mq *mq, struct db *db, struct arena *arena, struct stream_now *now,
                            struct err *err)
{
    int repairs = 0;
    int64_t known_seq = 0;
    struct mq_stream info;
    struct outbox_stream is;
    enum err_code code = mq_ensure(mq, &repairs, err);
    if (code == E_OK)
        code = mq_stream_info(mq, "JOBS", &info, err);
    if (code == E_OK)
        code = outbox_store_known_seq(db, info.created, &known_seq, err);
    if (code == E_OK) /* again: what was known by now must be there */
        code = mq_stream_info(mq, "JOBS", &info, err);
    if (code == E_OK)
        code = outbox_store_incarnation(db, arena, info.created, info.last_seq, known_seq, &is, err);
    if (code != E_OK)
        return code;
    metrics_add(METRIC_NATS_REPAIRS, (uint64_t)repairs);
    snprintf(now->incarnation, sizeof now->incarnation, "%s", is.incarnation);
    now->scanned = is.swept;
    return E_OK;
}

/* Whatever else failed, the next round sees. */
enum err_code streams_mend(struct healing *healing, struct err *err)
{
    struct stream_now now;
    const struct mend_facts facts = {
        .looks_wrong = mq_looks_wrong(healing->mq), .at_ms = healing->mend_at_ms, .now_ms = clock_mono_ms()};
    const enum mend_verdict verdict = mend_decide(&facts);
    if (verdict == MEND_LATER)
        healing->mend_at_ms = facts.now_ms + MEND_AFTER_MS;
    if (verdict != MEND_NOW)
        return E_OK;
    healing->mend_at_ms = 0;
    if (stream_verify(healing->mq, healing->db, healing->arena, &now, err) != E_OK)
        log_debug("healing_failed", "%s", err->text);
    else if (!now.scanned) /* what was in JOBS is lost */
        healing_hasten(healing, TASK_SCAN);
    return E_OK;
}

/* ---- the survey ----------------------------------------------------------------------------- */

/* A consumer with nothing left does not say where the stream is; the stream's own first message does. */
static enum err_code ask_consumer(struct healing *healing, struct survey *survey,
                                  const struct job_consumer *asked, struct err *err)
{
    struct job_consumer *consumer = &survey->consumers[survey->count];
    struct mq_consumer *info = &survey->infos[survey->count];
    const int64_t removed_seq = survey->stream.first_seq - 1;
    enum err_code code = mq_consumer_info(healing->mq, asked->worker, asked->priority, info, err);
    if (code != E_OK && code != E_NOT_FOUND)
        return code;
    *consumer = *asked;
    consumer->acked_seq = info->acked_seq > removed_seq ? info->acked_seq : removed_seq;
    consumer->delivered_seq = info->delivered_seq > removed_seq ? info->delivered_seq : removed_seq;
    if (consumer->acked_seq < survey->acked_seq)
        survey->acked_seq = consumer->acked_seq;
    survey->unacked += info->pending + info->ack_pending;
    survey->count++;
    return E_OK;
}

enum err_code survey_take(struct healing *healing, struct survey *survey, struct err *err)
{
    struct job_consumer asked = {.worker = NULL};
    *survey = (struct survey){.acked_seq = INT64_MAX};
    enum err_code code = mq_stream_info(healing->mq, "JOBS", &survey->stream, err);
    if (code == E_OK)
        code = mq_subjects(healing->mq, healing->arena, &survey->subjects, &survey->subjects_count, err);
    while (code == E_OK && survey->count < HEALING_CONSUMERS &&
           (asked.worker = mq_worker_at(healing->mq, survey->count / JOB_PRIORITIES)) != NULL)
    {
        asked.priority = (enum job_priority)(survey->count % JOB_PRIORITIES);
        code = ask_consumer(healing, survey, &asked, err);
    }
    return code;
}

/* ---- consumers ------------------------------------------------------------------------------ */

/* Consumers whose workers run jobs that began long ago. */
struct busy
{
    struct job_consumer *list;
    size_t count;
};

static bool is_busy(const struct busy *busy, const struct job_consumer *consumer)
{
    for (size_t i = 0; i < busy->count; i++)
        if (busy->list[i].priority == consumer->priority &&
            strcmp(busy->list[i].worker, consumer->worker) == 0)
            return true;
    return false;
}

static int64_t messages_for(const struct survey *survey, const struct job_consumer *consumer)
{
    int64_t there = 0;
    for (size_t i = 0; i < survey->subjects_count; i++)
        if (consumer_takes(survey->subjects[i].name, consumer->worker, consumer->priority))
            there += survey->subjects[i].messages;
    return there;
}

static struct consumer_facts facts_of(const struct survey *survey, size_t i, const struct busy *busy)
{
    const struct job_consumer *consumer = &survey->consumers[i];
    const bool uneven = survey->stream.messages != survey->unacked;
    return (struct consumer_facts){.first_seq = survey->stream.first_seq,
                                   .is = survey->infos[i],
                                   .in_stream = uneven ? messages_for(survey, consumer) : 0,
                                   .uneven = uneven,
                                   .busy = is_busy(busy, consumer)};
}

static enum err_code repair_consumer(struct healing *healing, const struct survey *survey, size_t i,
                                     enum consumer_verdict verdict, struct err *err)
{
    const struct job_consumer *at = &survey->consumers[i];
    if (verdict == CONSUMER_KEEPS_ACKED)
        return mq_forget_acked(healing->mq, at->worker, at->priority, survey->infos[i].acked_seq, err);
    if (verdict != CONSUMER_STALLED)
        return E_OK;
    log_warn("consumer_stalled",
             "a consumer of %s waits for messages that JetStream does not deliver; it is made anew",
             at->worker);
    return mq_remake_consumer(healing->mq, at->worker, at->priority, err);
}

static enum err_code repair_consumers(struct healing *healing, const struct survey *survey, struct err *err)
{
    struct busy busy;
    enum err_code code = job_store_busy(healing->db, healing->arena, BUSY_MS, &busy.list, &busy.count, err);
    for (size_t i = 0; code == E_OK && i < survey->count; i++)
    {
        const struct consumer_facts facts = facts_of(survey, i, &busy);
        const struct consumer_decision decision = consumer_decide(&facts, healing->watches[i]);
        healing->watches[i] = decision.watch;
        code = repair_consumer(healing, survey, i, decision.verdict, err);
    }
    return code;
}

/* ---- the scan ------------------------------------------------------------------------------- */

/* Workers that are not the product's make themselves known by their rows. */
static enum err_code meet_workers(struct healing *healing, struct err *err)
{
    const char **names = NULL;
    size_t n = 0;
    enum err_code code = worker_store_names(healing->db, healing->arena, &names, &n, err);
    for (size_t i = 0; code == E_OK && i < n; i++)
        mq_know_worker(healing->mq, names[i]);
    return code;
}

enum err_code streams_scan(struct healing *healing, struct err *err)
{
    struct survey *survey = arena_alloc(healing->arena, sizeof *survey);
    struct stream_now now;
    if (survey == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    enum err_code code = meet_workers(healing, err);
    if (code == E_OK)
        code = stream_verify(healing->mq, healing->db, healing->arena, &now, err);
    if (code == E_OK)
        code = survey_take(healing, survey, err);
    if (code == E_OK)
        code = jobs_scan(healing, &now, survey, err);
    if (code == E_OK)
        code = outbox_store_forget(healing->db, healing->arena, now.incarnation, survey->acked_seq, err);
    return code == E_OK ? repair_consumers(healing, survey, err) : code;
}
