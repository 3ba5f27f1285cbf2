/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What waits, for operators: counted every ten seconds by the sweeper's thread of each process, so that a
 * scrape asks nobody.  Postgres knows what is in the outbox and what waits for a place, JetStream the rest.
 */
#include "common/outbox/internal.h"

#include "common/base/clock.h"
#include "common/obs/metrics.h"

#include <stdio.h>
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
    struct outbox *outbox;
    struct arena *arena;
    int64_t running; /* of all kinds */
    struct depth depths[GAUGE_KINDS];
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

/* The kind's place in the list; GAUGE_KINDS: there is none left, or it is no kind. */
static size_t kind_place(struct gauges *gauges, const char *kind, size_t len)
{
    if (len == 0 || len >= JOB_KIND_SIZE)
        return GAUGE_KINDS;
    for (size_t i = 0; i < gauges->kinds_count; i++)
        if (strlen(gauges->kinds[i]) == len && memcmp(gauges->kinds[i], kind, len) == 0)
            return i;
    if (gauges->kinds_count == GAUGE_KINDS)
        return GAUGE_KINDS;
    memcpy(gauges->kinds[gauges->kinds_count], kind, len);
    gauges->kinds[gauges->kinds_count][len] = '\0';
    return gauges->kinds_count++;
}

void gauges_expect(struct gauges *gauges, struct mq *mq)
{
    static const struct depth nothing;
    static const struct mq_consumer idle;
    for (size_t i = 0; job_kind_at(i) != NULL; i++)
    {
        (void)kind_place(gauges, job_kind_at(i), strlen(job_kind_at(i)));
        set_kind(job_kind_at(i), &nothing);
    }
    for (size_t i = 0; mq_worker_at(mq, i) != NULL; i++)
        for (int priority = 0; priority < JOB_PRIORITIES; priority++)
            set_consumer(mq_worker_at(mq, i), (enum job_priority)priority, &idle);
    metrics_set(METRIC_OUTBOX_OLDEST, 0);
    metrics_set(METRIC_LETTERS_OPEN, 0);
}

/* ---- what NATS knows ------------------------------------------------------------------------ */

/* sokoul.jobs.<worker>.<kind>[.<priority>]: the kind's place, and where its worker's consumer has come to. */
static size_t subject_kind(struct gauges *gauges, const char *subject)
{
    const char *kind = strchr(subject + strlen("sokoul.jobs."), '.');
    return kind == NULL ? GAUGE_KINDS : kind_place(gauges, kind + 1, strcspn(kind + 1, "."));
}

bool consumer_takes(const char *subject, const char *worker, enum job_priority priority)
{
    const char *from = subject + strlen("sokoul.jobs.");
    const size_t len = strlen(worker);
    const char *last = strrchr(subject, '.') + 1;
    enum job_priority its = JOB_NORMAL;
    if (strncmp(from, worker, len) != 0 || from[len] != '.')
        return false;
    if (strchr(from + len + 1, '.') == NULL || !job_priority_parse(last, &its))
        its = JOB_NORMAL;
    return its == priority;
}

static enum err_code add_subject(struct count *count, const struct mq_subject *subject, int64_t delivered_seq,
                                 struct err *err)
{
    int64_t since_ms = 0;
    const size_t at = subject_kind(&count->outbox->gauges, subject->name);
    if (at == GAUGE_KINDS)
        return E_OK;
    count->depths[at].in_stream += subject->messages;
    enum err_code code =
        mq_subject_since(count->outbox->mq, count->arena, subject->name, delivered_seq, &since_ms, err);
    const int64_t age_ms = since_ms > 0 ? clock_wall_ms() - since_ms : 0;
    if (code == E_OK && age_ms > count->depths[at].oldest_ms)
        count->depths[at].oldest_ms = age_ms;
    return code;
}

/* One consumer, and the subjects that it takes from. */
static enum err_code ask_consumer(struct count *count, const char *worker, enum job_priority priority,
                                  const struct mq_subject *subjects, size_t n, struct err *err)
{
    struct mq_consumer info = {0};
    enum err_code code = mq_consumer_info(count->outbox->mq, worker, priority, &info, err);
    if (code == E_NOT_FOUND)
        code = E_OK;
    if (code != E_OK)
        return code;
    set_consumer(worker, priority, &info);
    for (size_t i = 0; code == E_OK && i < n; i++)
        if (consumer_takes(subjects[i].name, worker, priority))
            code = add_subject(count, &subjects[i], info.delivered_seq, err);
    return code;
}

static enum err_code ask_broker(struct count *count, struct err *err)
{
    struct mq *mq = count->outbox->mq;
    struct mq_subject *subjects = NULL;
    const char *worker = NULL;
    size_t n = 0;
    enum err_code code = mq_subjects(mq, count->arena, &subjects, &n, err);
    for (size_t i = 0; code == E_OK && (worker = mq_worker_at(mq, i)) != NULL; i++)
        for (int priority = 0; code == E_OK && priority < JOB_PRIORITIES; priority++)
            code = ask_consumer(count, worker, (enum job_priority)priority, subjects, n, err);
    return code;
}

/* ---- the whole ------------------------------------------------------------------------------ */

static enum err_code ask_database(struct count *count, struct db *db, struct err *err)
{
    struct job_backlog *kinds = NULL;
    size_t n = 0;
    enum err_code code = job_store_backlog(db, count->arena, &kinds, &n, err);
    for (size_t i = 0; code == E_OK && i < n; i++)
    {
        const size_t at = kind_place(&count->outbox->gauges, kinds[i].kind, strlen(kinds[i].kind));
        count->running += kinds[i].running;
        if (at == GAUGE_KINDS)
            continue;
        count->depths[at].waiting += kinds[i].waiting;
        count->depths[at].running += kinds[i].running;
        if (kinds[i].oldest_ms > count->depths[at].oldest_ms)
            count->depths[at].oldest_ms = kinds[i].oldest_ms;
    }
    return code;
}

/* While NATS is away, what it held of each kind stays as it was. */
static void remember(struct count *count, bool asked)
{
    struct gauges *gauges = &count->outbox->gauges;
    for (size_t i = 0; i < gauges->kinds_count; i++)
    {
        if (asked)
            gauges->in_stream_of[i] = count->depths[i].in_stream;
        count->depths[i].in_stream = gauges->in_stream_of[i];
    }
}

/* A running job's message is in the stream until it is acknowledged: it does not wait. */
static void set_all(struct count *count)
{
    const struct gauges *gauges = &count->outbox->gauges;
    for (size_t i = 0; i < gauges->kinds_count; i++)
    {
        struct depth *depth = &count->depths[i];
        if (depth->in_stream > depth->running)
            depth->waiting += depth->in_stream - depth->running;
        if (depth->waiting == 0)
            depth->oldest_ms = 0;
        set_kind(gauges->kinds[i], depth);
    }
}

enum err_code gauges_measure(struct outbox *outbox, struct db *db, struct arena *arena, struct err *err)
{
    struct count count = {.outbox = outbox, .arena = arena};
    struct job_counts counts;
    struct mq_stream stream;
    struct err away = ERR_INIT;
    enum err_code code = job_store_counts(db, &counts, err);
    if (code == E_OK)
        code = ask_database(&count, db, err);
    if (code != E_OK)
        return code;
    int64_t *in_stream = &outbox->gauges.in_stream;
    const bool asked = mq_connected(outbox->mq) &&
                       mq_stream_info(outbox->mq, "JOBS", &stream, &away) == E_OK &&
                       ask_broker(&count, &away) == E_OK;
    if (asked)
        *in_stream = stream.messages > count.running ? stream.messages - count.running : 0;
    remember(&count, asked);
    set_all(&count);
    atomic_store(&outbox->jobs_pending, (double)(counts.outbox + counts.waiting + *in_stream));
    atomic_store(&outbox->rows_pending, (double)counts.outbox);
    metrics_set(METRIC_OUTBOX_OLDEST, (double)counts.oldest_ms / 1000);
    metrics_set(METRIC_LETTERS_OPEN, (double)counts.open_letters);
    return E_OK;
}
