/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What waits, for operators: counted every ten seconds in each process, so that a scrape asks nobody.
 * Postgres knows what is in the outbox and what is queued for a limit, JetStream the rest.
 */
#include "common/healing/internal.h"

#include "common/base/clock.h"
#include "common/obs/metrics.h"

#include <string.h>

/* Of one kind, while it is counted. */
struct depth
{
    int64_t waiting;
    int64_t in_stream;
    int64_t running;
    int64_t oldest_ms;
};

struct count
{
    struct healing *healing;
    int64_t running; /* of all kinds */
    struct depth depths[HEALING_KINDS];
};

static void set_consumer(const char *worker, enum job_priority priority, const struct mq_consumer *info)
{
    const char *labels[] = {worker, job_priority_name(priority)};
    metrics_set_of(METRIC_CONSUMER_PENDING, labels, (double)info->pending);
    metrics_set_of(METRIC_CONSUMER_UNACKED, labels, (double)info->ack_pending);
    metrics_set_of(METRIC_CONSUMER_REDELIVERED, labels, (double)info->redelivered);
}

static void set_kind(const char *kind, const struct depth *depth)
{
    const char *labels[] = {kind};
    metrics_set_of(METRIC_JOBS_WAITING, labels, (double)depth->waiting);
    metrics_set_of(METRIC_JOBS_OLDEST, labels, (double)depth->oldest_ms / 1000);
}

/* The kind's index in the list; HEALING_KINDS: the list is full, or it is no kind. */
static size_t kind_index(struct gauges *gauges, const char *kind, size_t len)
{
    if (len == 0 || len >= JOB_KIND_SIZE)
        return HEALING_KINDS;
    for (size_t i = 0; i < gauges->kinds_count; i++)
        if (strlen(gauges->kinds[i]) == len && memcmp(gauges->kinds[i], kind, len) == 0)
            return i;
    if (gauges->kinds_count == HEALING_KINDS)
        return HEALING_KINDS;
    memcpy(gauges->kinds[gauges->kinds_count], kind, len);
    gauges->kinds[gauges->kinds_count][len] = '\0';
    return gauges->kinds_count++;
}

void gauges_expect(struct healing *healing)
{
    static const enum metric plain[] = {METRIC_JOBS_PENDING, METRIC_OUTBOX_PENDING, METRIC_OUTBOX_OLDEST,
                                        METRIC_LETTERS_OPEN};
    static const struct depth nothing;
    static const struct mq_consumer idle;
    for (size_t i = 0; job_kind_at(i) != NULL; i++)
    {
        (void)kind_index(&healing->gauges, job_kind_at(i), strlen(job_kind_at(i)));
        set_kind(job_kind_at(i), &nothing);
    }
    for (size_t i = 0; mq_worker_at(healing->mq, i) != NULL; i++)
        for (int priority = 0; priority < JOB_PRIORITIES; priority++)
            set_consumer(mq_worker_at(healing->mq, i), (enum job_priority)priority, &idle);
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        metrics_set(plain[i], 0);
}

/* ---- what NATS knows ------------------------------------------------------------------------ */

/* Of sokoul.jobs.<worker>.<kind>[.<priority>]. */
static size_t subject_kind(struct gauges *gauges, const char *subject)
{
    const char *kind = strchr(subject + strlen("sokoul.jobs."), '.');
    return kind == NULL ? HEALING_KINDS : kind_index(gauges, kind + 1, strcspn(kind + 1, "."));
}

static enum err_code add_subject(struct count *count, const struct mq_subject *subject, int64_t delivered_seq,
                                 struct err *err)
{
    struct healing *healing = count->healing;
    int64_t since_ms = 0;
    const size_t at = subject_kind(&healing->gauges, subject->name);
    if (at == HEALING_KINDS)
        return E_OK;
    count->depths[at].in_stream += subject->messages;
    enum err_code code =
        mq_subject_since(healing->mq, healing->arena, subject->name, delivered_seq, &since_ms, err);
    const int64_t age_ms = since_ms > 0 ? clock_wall_ms() - since_ms : 0;
    if (code == E_OK && age_ms > count->depths[at].oldest_ms)
        count->depths[at].oldest_ms = age_ms;
    return code;
}

/* Each subject, and where the consumer that takes from it has come to. */
static enum err_code ask_broker(struct count *count, int64_t *messages, struct err *err)
{
    struct survey *survey = arena_alloc(count->healing->arena, sizeof *survey);
    if (survey == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    enum err_code code = survey_take(count->healing, survey, err);
    for (size_t i = 0; code == E_OK && i < survey->count; i++)
    {
        const struct job_consumer *at = &survey->consumers[i];
        set_consumer(at->worker, at->priority, &survey->infos[i]);
        for (size_t s = 0; code == E_OK && s < survey->subjects_count; s++)
            if (consumer_takes(survey->subjects[s].name, at->worker, at->priority))
                code = add_subject(count, &survey->subjects[s], survey->infos[i].delivered_seq, err);
    }
    if (code == E_OK)
        *messages = survey->stream.messages;
    return code;
}

/* ---- the whole ------------------------------------------------------------------------------ */

static enum err_code ask_database(struct count *count, struct err *err)
{
    struct job_backlog *kinds = NULL;
    size_t n = 0;
    enum err_code code = job_store_backlog(count->healing->db, count->healing->arena, &kinds, &n, err);
    for (size_t i = 0; code == E_OK && i < n; i++)
    {
        const size_t at = kind_index(&count->healing->gauges, kinds[i].kind, strlen(kinds[i].kind));
        count->running += kinds[i].running;
        if (at == HEALING_KINDS)
            continue;
        count->depths[at].waiting += kinds[i].waiting;
        count->depths[at].running += kinds[i].running;
        if (kinds[i].oldest_ms > count->depths[at].oldest_ms)
            count->depths[at].oldest_ms = kinds[i].oldest_ms;
    }
    return code;
}

/* A running job's message is in the stream until it is acknowledged: it does not wait. */
static int64_t waiting_of(int64_t in_stream, int64_t running)
{
    return in_stream > running ? in_stream - running : 0;
}

static void set_kinds(struct count *count)
{
    const struct gauges *gauges = &count->healing->gauges;
    for (size_t i = 0; i < gauges->kinds_count; i++)
    {
        struct depth *depth = &count->depths[i];
        depth->waiting += waiting_of(gauges->in_stream_of[i], depth->running);
        if (depth->waiting == 0)
            depth->oldest_ms = 0;
        set_kind(gauges->kinds[i], depth);
    }
}

enum err_code gauges_count(struct healing *healing, struct err *err)
{
    struct count count = {.healing = healing};
    struct gauges *gauges = &healing->gauges;
    struct job_counts counts;
    struct err away = ERR_INIT;
    int64_t messages = 0;
    enum err_code code = job_store_counts(healing->db, &counts, err);
    if (code == E_OK)
        code = ask_database(&count, err);
    if (code != E_OK)
        return code;
    if (mq_connected(healing->mq) && ask_broker(&count, &messages, &away) == E_OK)
    {
        gauges->in_stream = waiting_of(messages, count.running);
        for (size_t i = 0; i < gauges->kinds_count; i++)
            gauges->in_stream_of[i] = count.depths[i].in_stream;
    }
    set_kinds(&count);
    atomic_store(&healing->backlog, counts.outbox);
    metrics_set(METRIC_JOBS_PENDING, (double)(counts.outbox + counts.queued + gauges->in_stream));
    metrics_set(METRIC_OUTBOX_PENDING, (double)counts.outbox);
    metrics_set(METRIC_OUTBOX_OLDEST, (double)counts.oldest_ms / 1000);
    metrics_set(METRIC_LETTERS_OPEN, (double)counts.open_letters);
    return E_OK;
}
