/* SPDX-License-Identifier: Apache-2.0 */
/* Consumers: of which workers there are some, how they must be set, making and mending them, and their state.
 */
#include "common/mq/internal.h"

#include "common/base/log.h"

#include <stdio.h>
#include <string.h>

#define MILLISECONDS(n) ((int64_t)(n) * 1000000)

enum
{
    MAX_ACK_PENDING = 100000,
    MAX_WAITING = 512
};

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

/* ---- what they must be ------------------------------------------------------------------------------ */

static void consumer_name(const char *worker, enum job_priority priority, char name[MQ_NAME_SIZE])
{
    bool plain = priority == JOB_NORMAL;
    snprintf(name, MQ_NAME_SIZE, "%s%s%s", worker, plain ? "" : "-",
             plain ? "" : job_priority_name(priority));
}

static void consumer_filter(const char *worker, enum job_priority priority, char filter[MQ_NAME_SIZE])
{
    bool plain = priority == JOB_NORMAL;
    snprintf(filter, MQ_NAME_SIZE, "sokoul.jobs.%s.*%s%s", worker, plain ? "" : ".",
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
    config->MaxWaiting = MAX_WAITING;
}

/* A plain consumer is pulled from, and delivers whole messages at once to whoever asks. The server fills in
 * settings that it was not given. */
static bool consumer_is_plain(const jsConsumerConfig *is)
{
    return (is->DeliverSubject == NULL || *is->DeliverSubject == '\0') && is->BackOffLen == 0 &&
           !is->HeadersOnly && is->RateLimit == 0 && is->MaxRequestBatch == 0 && is->MaxRequestExpires == 0 &&
           is->MaxRequestMaxBytes == 0 && is->InactiveThreshold == 0 && is->MaxWaiting == MAX_WAITING &&
           is->ReplayPolicy == js_ReplayInstant;
}

static bool consumer_is_right(const char *filter, const jsConsumerConfig *is)
{
    return is->AckPolicy == js_AckExplicit && is->AckWait == MILLISECONDS(MQ_ACK_WAIT_MS) &&
           is->MaxDeliver == -1 && is->MaxAckPending == MAX_ACK_PENDING && is->FilterSubject != NULL &&
           strcmp(is->FilterSubject, filter) == 0 && consumer_is_plain(is);
}

struct wanted
{
    const char *worker;
    enum job_priority priority;
    enum
    {
        IF_WRONG,
        ANEW /* also when it is set as it must be */
    } how;
};

static natsStatus consumer_make(struct mq_link *link, const char *name, const char *filter,
                                jsErrCode *js_code)
{
    jsConsumerConfig config;
    jsOptions options;
    mq_api_options(&options);
    consumer_config(name, filter, &config);
    return js_AddConsumer(NULL, link->js, "JOBS", &config, &options, js_code);
}

static enum err_code consumer_ensure(struct mq *mq, struct mq_link *link, const struct wanted *wanted,
                                     int *repairs, struct err *err)
{
    char name[MQ_NAME_SIZE];
    char filter[MQ_NAME_SIZE];
    consumer_name(wanted->worker, wanted->priority, name);
    consumer_filter(wanted->worker, wanted->priority, filter);
    jsConsumerInfo *info = NULL;
    jsErrCode js_code = 0;
    jsOptions options;
    mq_api_options(&options);
    options.Wait = MQ_LOOK_MS;
    natsStatus s = js_GetConsumerInfo(&info, link->js, "JOBS", name, &options, &js_code);
    mq_api_options(&options);
    bool found = s == NATS_OK;
    bool right = found && wanted->how == IF_WRONG && consumer_is_right(filter, info->Config);
    jsConsumerInfo_Destroy(info);
    if (right)
        return E_OK;
    if (found)
        s = js_DeleteConsumer(link->js, "JOBS", name, &options, &js_code);
    if (s == NATS_OK || s == NATS_NOT_FOUND)
        s = consumer_make(link, name, filter, &js_code);
    if (s != NATS_OK)
        return mq_translate(mq, s, js_code, name, err);
    (*repairs)++;
    log_info("consumer_made", "made or mended consumer %s", name);
    return E_OK;
}

enum err_code mq_consumers_ensure(struct mq *mq, struct mq_link *link, int *repairs, struct err *err)
{
    enum err_code code = E_OK;
    struct wanted wanted = {.how = IF_WRONG};
    for (size_t i = 0; code == E_OK && (wanted.worker = mq_worker_at(mq, i)) != NULL; i++)
        for (int priority = 0; code == E_OK && priority < JOB_PRIORITIES; priority++)
        {
            wanted.priority = (enum job_priority)priority;
            code = consumer_ensure(mq, link, &wanted, repairs, err);
        }
    return code;
}

enum err_code mq_remake_consumer(struct mq *mq, const char *worker, enum job_priority priority,
                                 struct err *err)
{
    int made = 0;
    struct mq_link *link = NULL;
    const struct wanted wanted = {.worker = worker, .priority = priority, .how = ANEW};
    if (mq_link_get(mq, &link, err) != E_OK)
        return E_UNAVAILABLE;
    enum err_code code = consumer_ensure(mq, link, &wanted, &made, err);
    mq_link_put(link);
    atomic_fetch_add(&mq->ensures, made);
    return code;
}

/* ---- looking -------------------------------------------------------------------------------- */

enum err_code mq_consumer_info(struct mq *mq, const char *worker, enum job_priority priority,
                               struct mq_consumer *out, struct err *err)
{
    char name[MQ_NAME_SIZE];
    consumer_name(worker, priority, name);
    jsConsumerInfo *info = NULL;
    jsErrCode js_code = 0;
    jsOptions options;
    struct mq_link *link = NULL;
    mq_api_options(&options);
    if (mq_link_get(mq, &link, err) != E_OK)
        return E_UNAVAILABLE;
    natsStatus s = js_GetConsumerInfo(&info, link->js, "JOBS", name, &options, &js_code);
    mq_link_put(link);
    if (s != NATS_OK)
        return mq_translate(mq, s, js_code, name, err);
    /* After a server was killed, its acknowledgement floor may lie behind messages that it has delivered and
     * does not wait for any more. */
    const bool behind = info->NumAckPending > 0;
    *out = (struct mq_consumer){
        .delivered_seq = (int64_t)info->Delivered.Stream,
        .acked_seq = (int64_t)(behind ? info->AckFloor.Stream : info->Delivered.Stream),
        .pending = (int64_t)info->NumPending,
        .ack_pending = info->NumAckPending,
        .redelivered = info->NumRedelivered,
        .waiting = info->NumWaiting,
        .unsettled = behind ? (int64_t)(info->Delivered.Consumer - info->AckFloor.Consumer) : 0};
    jsConsumerInfo_Destroy(info);
    return E_OK;
}

enum err_code mq_forget_acked(struct mq *mq, const char *worker, enum job_priority priority,
                              int64_t acked_seq, struct err *err)
{
    char filter[MQ_NAME_SIZE];
    jsErrCode js_code = 0;
    jsOptions options;
    struct mq_link *link = NULL;
    if (mq_link_get(mq, &link, err) != E_OK)
        return E_UNAVAILABLE;
    consumer_filter(worker, priority, filter);
    mq_api_options(&options);
    options.Stream.Purge.Subject = filter;
    options.Stream.Purge.Sequence = (uint64_t)acked_seq + 1;
    natsStatus s = js_PurgeStream(link->js, "JOBS", &options, &js_code);
    mq_link_put(link);
    return s == NATS_OK ? E_OK : mq_translate(mq, s, js_code, filter, err);
}
