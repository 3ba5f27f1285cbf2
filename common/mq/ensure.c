/* SPDX-License-Identifier: Apache-2.0 */
/* Streams and consumers: what they must be, made and mended. */
#include "common/mq/internal.h"

#include "common/base/clock.h"
#include "common/base/log.h"

#include <stdio.h>
#include <string.h>

#define SECONDS(n) ((int64_t)(n) * 1000000000)
#define MILLISECONDS(n) ((int64_t)(n) * 1000000)
#define DAYS(n) SECONDS((int64_t)(n) * 86400)
#define MIB(n) ((int64_t)(n) * 1048576)

enum
{
    API_WAIT_MS = 2000,
    MAX_ACK_PENDING = 100000,
    SMALLEST_MIB = 1
};

static const struct stream_row
{
    const char *name;
    const char *subject;
    jsRetentionPolicy retention;
    jsDiscardPolicy discard;
    int64_t max_age_ns;
    int64_t max_bytes;
} streams[] = {
    {"JOBS", "sokoul.jobs.>", js_WorkQueuePolicy, js_DiscardNew, 0, MIB(1024)},
    {"DLQ", "sokoul.dlq.>", js_LimitsPolicy, js_DiscardOld, DAYS(30), MIB(256)},
    {"LOGS", "sokoul.logs.>", js_LimitsPolicy, js_DiscardOld, DAYS(7), MIB(256)},
    {"EVENTS", "sokoul.events.>", js_LimitsPolicy, js_DiscardOld, SECONDS(3600), MIB(128)},
};

static void stream_config(const struct stream_row *row, const char **subject, jsStreamConfig *config)
{
    jsStreamConfig_Init(config);
    *subject = row->subject;
    config->Name = row->name;
    config->Subjects = subject;
    config->SubjectsLen = 1;
    config->Retention = row->retention;
    config->Discard = row->discard;
    config->Storage = js_FileStorage;
    config->MaxAge = row->max_age_ns;
    config->MaxBytes = row->max_bytes;
    config->MaxMsgs = -1;
    config->Duplicates = SECONDS(120);
}

static bool stream_is_right(const struct stream_row *row, const jsStreamConfig *is)
{
    return is->Retention == row->retention && is->Discard == row->discard && is->Storage == js_FileStorage &&
           is->MaxAge == row->max_age_ns && is->MaxMsgs <= 0 && is->MaxBytes > 0 &&
           is->Duplicates == SECONDS(120) && is->SubjectsLen == 1 &&
           strcmp(is->Subjects[0], row->subject) == 0;
}

static void api_options(jsOptions *options)
{
    jsOptions_Init(options);
    options->Wait = API_WAIT_MS;
}

static bool lacks_room(natsStatus s, jsErrCode js_code)
{
    return s != NATS_OK &&
           (js_code == JSInsufficientResourcesErr || js_code == JSStorageResourcesExceededErr);
}

/* What all streams together take of a disk that has room for them. */
static int64_t all_bytes(void)
{
    int64_t sum = 0;
    for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++)
        sum += streams[i].max_bytes;
    return sum;
}

/* Halves what is asked for until there is room. */
static natsStatus stream_fit(struct mq *mq, jsStreamConfig *config, jsErrCode *js_code)
{
    jsOptions options;
    api_options(&options);
    natsStatus s = js_AddStream(NULL, mq->js, config, &options, js_code);
    while (lacks_room(s, *js_code) && config->MaxBytes > MIB(SMALLEST_MIB))
    {
        config->MaxBytes /= 2;
        s = js_AddStream(NULL, mq->js, config, &options, js_code);
    }
    return s;
}

/* The first one: it asks for the room of all, and goes on with its own part of what it got. */
static natsStatus stream_make_first(struct mq *mq, jsStreamConfig *config, jsErrCode *js_code)
{
    jsOptions options;
    api_options(&options);
    const int64_t own = config->MaxBytes;
    const int64_t all = config->MaxBytes = all_bytes();
    natsStatus s = stream_fit(mq, config, js_code);
    if (s != NATS_OK)
        return s;
    config->MaxBytes = own / (all / config->MaxBytes);
    return js_UpdateStream(NULL, mq->js, config, &options, js_code);
}

/* How much smaller than meant the first one is. */
static int64_t shrunk_by(struct mq *mq)
{
    jsStreamInfo *info = NULL;
    jsErrCode js_code = 0;
    jsOptions options;
    api_options(&options);
    natsStatus s = js_GetStreamInfo(&info, mq->js, streams[0].name, &options, &js_code);
    int64_t bytes = s == NATS_OK ? info->Config->MaxBytes : 0;
    jsStreamInfo_Destroy(info);
    return bytes > 0 && bytes < streams[0].max_bytes ? streams[0].max_bytes / bytes : 1;
}

/* On a disk that is too small all are smaller alike. */
static natsStatus stream_make(struct mq *mq, const struct stream_row *row, jsErrCode *js_code)
{
    jsStreamConfig config;
    const char *subject = NULL;
    stream_config(row, &subject, &config);
    if (row == &streams[0])
        return stream_make_first(mq, &config, js_code);
    config.MaxBytes /= shrunk_by(mq);
    return stream_fit(mq, &config, js_code);
}

/* Retention and storage cannot be changed in place: such a stream is made anew; the outbox and the sweeper
 * bring back what it held. */
static natsStatus stream_mend(struct mq *mq, const struct stream_row *row, const jsStreamConfig *is,
                              jsErrCode *js_code)
{
    jsStreamConfig config;
    jsOptions options;
    const char *subject = NULL;
    api_options(&options);
    stream_config(row, &subject, &config);
    if (is->MaxBytes > 0)
        config.MaxBytes = is->MaxBytes;
    natsStatus s = js_UpdateStream(NULL, mq->js, &config, &options, js_code);
    if (s == NATS_OK)
        return s;
    s = js_DeleteStream(mq->js, row->name, &options, js_code);
    return s == NATS_OK ? stream_make(mq, row, js_code) : s;
}

static enum err_code stream_ensure(struct mq *mq, const struct stream_row *row, int *repairs, struct err *err)
{
    jsStreamInfo *info = NULL;
    jsErrCode js_code = 0;
    jsOptions options;
    api_options(&options);
    natsStatus s = js_GetStreamInfo(&info, mq->js, row->name, &options, &js_code);
    bool right = s == NATS_OK && stream_is_right(row, info->Config);
    if (right)
    {
        jsStreamInfo_Destroy(info);
        return E_OK;
    }
    if (s == NATS_OK)
        s = stream_mend(mq, row, info->Config, &js_code);
    else if (s == NATS_NOT_FOUND)
        s = stream_make(mq, row, &js_code);
    jsStreamInfo_Destroy(info);
    if (s != NATS_OK)
        return mq_translate(s, js_code, row->name, err);
    (*repairs)++;
    log_info("stream_made", "made or mended stream %s", row->name);
    return E_OK;
}

/* ---- whose consumers ------------------------------------------------------------------------ */

void mq_know_worker(struct mq *mq, const char *worker)
{
    if (!job_is_token(worker) || job_worker_known(worker))
        return;
    pthread_mutex_lock(&mq->lock);
    size_t i = 0;
    while (i < mq->workers_count && strcmp(mq->workers[i], worker) != 0)
        i++;
    if (i == mq->workers_count && i < MQ_WORKERS_MAX)
        snprintf(mq->workers[mq->workers_count++], MQ_WORKER_SIZE, "%s", worker);
    pthread_mutex_unlock(&mq->lock);
}

const char *mq_worker_at(struct mq *mq, size_t index)
{
    const char *worker = NULL;
    size_t ours = 0;
    while ((worker = job_worker_at(ours)) != NULL)
        if (ours++ == index)
            return worker;
    pthread_mutex_lock(&mq->lock);
    worker = index - ours < mq->workers_count ? mq->workers[index - ours] : NULL;
    pthread_mutex_unlock(&mq->lock);
    return worker;
}

/* ---- consumers ------------------------------------------------------------------------------ */

enum
{
    NAME_SIZE = 64
};

static void consumer_name(const char *worker, enum job_priority priority, char name[NAME_SIZE])
{
    bool plain = priority == JOB_NORMAL;
    snprintf(name, NAME_SIZE, "%s%s%s", worker, plain ? "" : "-", plain ? "" : job_priority_name(priority));
}

static void consumer_filter(const char *worker, enum job_priority priority, char filter[NAME_SIZE])
{
    bool plain = priority == JOB_NORMAL;
    snprintf(filter, NAME_SIZE, "sokoul.jobs.%s.*%s%s", worker, plain ? "" : ".",
             plain ? "" : job_priority_name(priority));
}

static void consumer_config(const char *name, const char *filter, jsConsumerConfig *config)
{
    jsConsumerConfig_Init(config);
    config->Durable = name;
    config->FilterSubject = filter;
    config->DeliverPolicy = js_DeliverAll;
    config->AckPolicy = js_AckExplicit;
    config->AckWait = MILLISECONDS(MQ_ACK_WAIT_MS);
    config->MaxDeliver = -1;
    config->MaxAckPending = MAX_ACK_PENDING;
    config->MaxWaiting = 512;
}

static bool consumer_is_right(const char *filter, const jsConsumerConfig *is)
{
    return is->AckPolicy == js_AckExplicit && is->AckWait == MILLISECONDS(MQ_ACK_WAIT_MS) &&
           is->MaxDeliver == -1 && is->MaxAckPending == MAX_ACK_PENDING && is->FilterSubject != NULL &&
           strcmp(is->FilterSubject, filter) == 0;
}

/* `anew`: also when it is right as it is. */
static enum err_code consumer_ensure(struct mq *mq, const char *worker, enum job_priority priority, bool anew,
                                     int *repairs, struct err *err)
{
    char name[NAME_SIZE];
    char filter[NAME_SIZE];
    consumer_name(worker, priority, name);
    consumer_filter(worker, priority, filter);
    jsConsumerInfo *info = NULL;
    jsErrCode js_code = 0;
    jsOptions options;
    api_options(&options);
    natsStatus s = js_GetConsumerInfo(&info, mq->js, "JOBS", name, &options, &js_code);
    bool found = s == NATS_OK;
    bool right = found && !anew && consumer_is_right(filter, info->Config);
    jsConsumerInfo_Destroy(info);
    if (right)
        return E_OK;
    if (found)
        s = js_DeleteConsumer(mq->js, "JOBS", name, &options, &js_code);
    if (s == NATS_OK || s == NATS_NOT_FOUND)
    {
        jsConsumerConfig config;
        consumer_config(name, filter, &config);
        s = js_AddConsumer(NULL, mq->js, "JOBS", &config, &options, &js_code);
    }
    if (s != NATS_OK)
        return mq_translate(s, js_code, name, err);
    (*repairs)++;
    log_info("consumer_made", "made or mended consumer %s", name);
    return E_OK;
}

enum err_code mq_remake_consumer(struct mq *mq, const char *worker, enum job_priority priority,
                                 struct err *err)
{
    int made = 0;
    if (!mq_connected(mq))
        return fail(err, E_UNAVAILABLE, "NATS is away");
    enum err_code code = consumer_ensure(mq, worker, priority, true, &made, err);
    atomic_fetch_add(&mq->ensures, made);
    return code;
}

enum err_code mq_ensure(struct mq *mq, int *repairs, struct err *err)
{
    int made = 0;
    if (!mq_connected(mq))
        return fail(err, E_UNAVAILABLE, "NATS is away");
    enum err_code code = E_OK;
    for (size_t i = 0; code == E_OK && i < sizeof streams / sizeof streams[0]; i++)
        code = stream_ensure(mq, &streams[i], &made, err);
    const char *worker = NULL;
    for (size_t i = 0; code == E_OK && (worker = mq_worker_at(mq, i)) != NULL; i++)
        for (int priority = 0; code == E_OK && priority < JOB_PRIORITIES; priority++)
            code = consumer_ensure(mq, worker, (enum job_priority)priority, false, &made, err);
    /* The first may only have waited for another program's making; a pull may have asked too early all the
     * same. */
    if (code == E_OK && (made > 0 || atomic_load(&mq->ensures) == 0))
        atomic_fetch_add(&mq->ensures, 1);
    if (repairs != NULL)
        *repairs = made;
    return code;
}

/* ---- looking -------------------------------------------------------------------------------- */

enum err_code mq_stream_info(struct mq *mq, const char *stream, struct mq_stream *out, struct err *err)
{
    jsStreamInfo *info = NULL;
    jsErrCode js_code = 0;
    jsOptions options;
    api_options(&options);
    if (!mq_connected(mq))
        return fail(err, E_UNAVAILABLE, "NATS is away");
    natsStatus s = js_GetStreamInfo(&info, mq->js, stream, &options, &js_code);
    if (s != NATS_OK)
        return mq_translate(s, js_code, stream, err);
    *out = (struct mq_stream){.messages = (int64_t)info->State.Msgs,
                              .bytes = (int64_t)info->State.Bytes,
                              .first_seq = (int64_t)info->State.FirstSeq,
                              .last_seq = (int64_t)info->State.LastSeq};
    snprintf(out->created, sizeof out->created, "%lld", (long long)info->Created);
    jsStreamInfo_Destroy(info);
    return E_OK;
}

enum err_code mq_consumer_info(struct mq *mq, const char *worker, enum job_priority priority,
                               struct mq_consumer *out, struct err *err)
{
    char name[NAME_SIZE];
    consumer_name(worker, priority, name);
    jsConsumerInfo *info = NULL;
    jsErrCode js_code = 0;
    jsOptions options;
    api_options(&options);
    if (!mq_connected(mq))
        return fail(err, E_UNAVAILABLE, "NATS is away");
    natsStatus s = js_GetConsumerInfo(&info, mq->js, "JOBS", name, &options, &js_code);
    if (s != NATS_OK)
        return mq_translate(s, js_code, name, err);
    /* A server that was killed may put the floor behind what it has delivered and waits for no more. */
    const bool behind = info->NumAckPending > 0;
    *out = (struct mq_consumer){
        .delivered_seq = (int64_t)info->Delivered.Stream,
        .acked_seq = (int64_t)(behind ? info->AckFloor.Stream : info->Delivered.Stream),
        .pending = (int64_t)info->NumPending,
        .ack_pending = info->NumAckPending,
        .unsettled = behind ? (int64_t)(info->Delivered.Consumer - info->AckFloor.Consumer) : 0};
    jsConsumerInfo_Destroy(info);
    return E_OK;
}

enum err_code mq_forget_acked(struct mq *mq, const char *worker, enum job_priority priority,
                              int64_t acked_seq, struct err *err)
{
    char filter[NAME_SIZE];
    jsErrCode js_code = 0;
    jsOptions options;
    if (!mq_connected(mq))
        return fail(err, E_UNAVAILABLE, "NATS is away");
    consumer_filter(worker, priority, filter);
    api_options(&options);
    options.Stream.Purge.Subject = filter;
    options.Stream.Purge.Sequence = (uint64_t)acked_seq + 1;
    natsStatus s = js_PurgeStream(mq->js, "JOBS", &options, &js_code);
    return s == NATS_OK ? E_OK : mq_translate(s, js_code, filter, err);
}
