/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pulling by hand: requests to CONSUMER.MSG.NEXT with one inbox for all answers.  The server
 * serves waiting requests in order, so deliveries are counted against the oldest; a request
 * that has expired by our own clock owes nothing more.
 */
#include "common/mq/internal.h"

#include "common/base/clock.h"
#include "common/base/log.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
    MAX_REQUESTS = 4,
    EXPIRES_MS = 10000,
    LATE_MS = 1000, /* how much later than the server we forget a request */
    PAUSE_MS = 250  /* after a refusal */
};

struct request
{
    int left;
    int64_t forget_ms;
};

struct mq_pull
{
    struct mq *mq;
    natsSubscription *sub;
    struct mq_ender *ender;
    natsInbox *inbox;
    char subject[128]; /* of the request */
    void (*got)(void *of, struct mq_delivery *take);
    void *of;

    pthread_mutex_t lock;                  /* guards all below */
    struct request requests[MAX_REQUESTS]; /* oldest first */
    int count;
    int reconnects;
    int64_t pause_until_ms;
};

struct mq_delivery
{
    natsMsg *msg;
};

static void forget_oldest(struct mq_pull *pull)
{
    pull->count--;
    memmove(&pull->requests[0], &pull->requests[1], (size_t)pull->count * sizeof pull->requests[0]);
}

static void count_delivery(struct mq_pull *pull)
{
    pthread_mutex_lock(&pull->lock);
    if (pull->count > 0 && --pull->requests[0].left == 0)
        forget_oldest(pull);
    pthread_mutex_unlock(&pull->lock);
}

/* 408 a request expired; 404, 409, 503: no such consumer, deleted, no JetStream. */
static void on_status(struct mq_pull *pull, const char *status)
{
    pthread_mutex_lock(&pull->lock);
    if (strcmp(status, "408") == 0)
    {
        if (pull->count > 0)
            forget_oldest(pull);
    }
    else if (strcmp(status, "100") != 0)
    {
        pull->count = 0;
        pull->pause_until_ms = clock_mono_ms() + PAUSE_MS;
    }
    pthread_mutex_unlock(&pull->lock);
}

static void on_delivery(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *of)
{
    struct mq_pull *pull = of;
    const char *status = NULL;
    (void)nc;
    (void)sub;
    if (natsMsg_GetDataLength(msg) == 0 && natsMsgHeader_Get(msg, "Status", &status) == NATS_OK)
    {
        on_status(pull, status);
        natsMsg_Destroy(msg);
        return;
    }
    count_delivery(pull);
    struct mq_delivery *delivery = calloc(1, sizeof *delivery);
    if (delivery == NULL) /* the server delivers it again */
    {
        natsMsg_Destroy(msg);
        return;
    }
    delivery->msg = msg;
    pull->got(pull->of, delivery);
}

enum err_code mq_pull_open(struct mq *mq, const struct mq_pull_config *config, struct mq_pull **out,
                           struct err *err)
{
    struct mq_pull *pull = calloc(1, sizeof *pull);
    if (pull == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    bool plain = config->priority == JOB_NORMAL;
    snprintf(pull->subject, sizeof pull->subject, "$JS.API.CONSUMER.MSG.NEXT.JOBS.%s%s%s", config->worker,
             plain ? "" : "-", plain ? "" : job_priority_name(config->priority));
    pull->mq = mq;
    pull->got = config->got;
    pull->of = config->of;
    pthread_mutex_init(&pull->lock, NULL);
    natsStatus s = natsInbox_Create(&pull->inbox);
    if (s == NATS_OK)
        s = natsConnection_Subscribe(&pull->sub, mq->nc, pull->inbox, on_delivery, pull);
    if (s == NATS_OK)
        s = natsSubscription_SetPendingLimits(pull->sub, -1, -1); /* bounded by what we ask for */
    if (s == NATS_OK)
        pull->ender = mq_ender_new(pull->sub);
    if (pull->ender == NULL)
    {
        mq_pull_close(pull);
        return s == NATS_OK ? fail(err, E_NO_MEMORY, "out of memory") : mq_translate(s, 0, "subscribe", err);
    }
    *out = pull;
    return E_OK;
}

void mq_pull_close(struct mq_pull *pull)
{
    if (pull == NULL)
        return;
    if (pull->ender != NULL)
        mq_ender_end(pull->ender, pull->sub);
    else
        natsSubscription_Destroy(pull->sub);
    natsInbox_Destroy(pull->inbox);
    pthread_mutex_destroy(&pull->lock);
    free(pull);
}

static int outstanding_locked(const struct mq_pull *pull)
{
    int sum = 0;
    for (int i = 0; i < pull->count; i++)
        sum += pull->requests[i].left;
    return sum;
}

int mq_pull_outstanding(struct mq_pull *pull)
{
    pthread_mutex_lock(&pull->lock);
    int sum = outstanding_locked(pull);
    pthread_mutex_unlock(&pull->lock);
    return sum;
}

/* How many to ask for now; the request is written down before it is sent. */
static int plan(struct mq_pull *pull, int credit)
{
    const int64_t now = clock_mono_ms();
    const int reconnects = atomic_load(&pull->mq->reconnects);
    pthread_mutex_lock(&pull->lock);
    if (reconnects != pull->reconnects)
    {
        pull->reconnects = reconnects;
        pull->count = 0;
    }
    while (pull->count > 0 && pull->requests[0].forget_ms <= now)
        forget_oldest(pull);
    int want = credit - outstanding_locked(pull);
    bool small = want * 2 < credit && pull->count > 0; /* do not ask one by one */
    if (want <= 0 || small || pull->count == MAX_REQUESTS || now < pull->pause_until_ms)
        want = 0;
    if (want > 0)
        pull->requests[pull->count++] =
            (struct request){.left = want, .forget_ms = now + EXPIRES_MS + LATE_MS};
    pthread_mutex_unlock(&pull->lock);
    return want;
}

void mq_pull_want(struct mq_pull *pull, int credit)
{
    if (!mq_connected(pull->mq))
        return;
    int want = plan(pull, credit);
    if (want == 0)
        return;
    char body[96];
    snprintf(body, sizeof body, "{\"batch\":%d,\"expires\":%lld}", want, EXPIRES_MS * 1000000LL);
    natsStatus s = natsConnection_PublishRequestString(pull->mq->nc, pull->subject, pull->inbox, body);
    if (s != NATS_OK)
        on_status(pull, "503");
}

/* ---- deliveries ----------------------------------------------------------------------------- */

const char *mq_delivery_data(const struct mq_delivery *delivery)
{
    return natsMsg_GetData(delivery->msg);
}

size_t mq_delivery_len(const struct mq_delivery *delivery)
{
    return (size_t)natsMsg_GetDataLength(delivery->msg);
}

const char *mq_delivery_subject(const struct mq_delivery *delivery)
{
    return natsMsg_GetSubject(delivery->msg);
}

const char *mq_delivery_header(const struct mq_delivery *delivery, const char *name)
{
    const char *value = NULL;
    return natsMsgHeader_Get(delivery->msg, name, &value) == NATS_OK ? value : NULL;
}

int64_t mq_delivery_count(const struct mq_delivery *delivery)
{
    jsMsgMetaData *meta = NULL;
    if (natsMsg_GetMetaData(&meta, delivery->msg) != NATS_OK)
        return 1;
    int64_t count = (int64_t)meta->NumDelivered;
    jsMsgMetaData_Destroy(meta);
    return count;
}

int64_t mq_delivery_time_ms(const struct mq_delivery *delivery)
{
    jsMsgMetaData *meta = NULL;
    if (natsMsg_GetMetaData(&meta, delivery->msg) != NATS_OK)
        return 0;
    int64_t ms = meta->Timestamp / 1000000;
    jsMsgMetaData_Destroy(meta);
    return ms;
}

void mq_delivery_free(struct mq_delivery *delivery)
{
    if (delivery == NULL)
        return;
    natsMsg_Destroy(delivery->msg);
    free(delivery);
}

static void reply(struct mq *mq, const struct mq_delivery *delivery, const char *text)
{
    const char *subject = natsMsg_GetReply(delivery->msg);
    if (subject != NULL)
        natsConnection_PublishString(mq->nc, subject, text);
}

void mq_ack(struct mq *mq, const struct mq_delivery *delivery)
{
    reply(mq, delivery, "+ACK");
}

void mq_nak(struct mq *mq, const struct mq_delivery *delivery, int64_t delay_ms)
{
    char text[64];
    snprintf(text, sizeof text, "-NAK {\"delay\":%lld}", (long long)delay_ms * 1000000);
    reply(mq, delivery, text);
}

void mq_working(struct mq *mq, const struct mq_delivery *delivery)
{
    reply(mq, delivery, "+WPI");
}
