/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pulling by hand: requests to CONSUMER.MSG.NEXT with one inbox for all answers, each with a
 * number of its own at the end, so that a status tells which request it is about.  Deliveries
 * carry the stream's subject and are counted against the oldest.  A request is renewed a while
 * before the server lets it expire: there is always one waiting.
 *
 * A request to a consumer that does not exist is not answered at all.  Hence requests are short,
 * and are all made anew whenever streams and consumers were looked after (mq_ensure).
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
    EXPIRES_MS = 3000,
    RENEW_MS = 2000, /* when a request counts as over; the caller asks again within a second of it */
    PAUSE_MS = 250   /* after a refusal */
};

struct request
{
    unsigned number;
    int left;
    int64_t renew_ms;
};

struct mq_pull
{
    struct mq *mq;
    natsSubscription *sub;
    struct mq_ender *ender;
    char inbox[64];    /* with a dot at the end */
    char subject[128]; /* of the request */
    void (*got)(void *of, struct mq_delivery *take);
    void *of;

    pthread_mutex_t lock;                  /* guards all below */
    struct request requests[MAX_REQUESTS]; /* oldest first */
    int count;
    unsigned number; /* of the latest request */
    int reconnects;
    int ensures;
    int64_t pause_until_ms;
};

struct mq_delivery
{
    natsMsg *msg;
};

static void forget(struct mq_pull *pull, int i)
{
    pull->count--;
    memmove(&pull->requests[i], &pull->requests[i + 1], (size_t)(pull->count - i) * sizeof pull->requests[0]);
}

static void count_delivery(struct mq_pull *pull)
{
    pthread_mutex_lock(&pull->lock);
    if (pull->count > 0 && --pull->requests[0].left == 0)
        forget(pull, 0);
    pthread_mutex_unlock(&pull->lock);
}

static void forget_number(struct mq_pull *pull, unsigned number)
{
    for (int i = 0; i < pull->count; i++)
        if (pull->requests[i].number == number)
        {
            forget(pull, i);
            return;
        }
}

/* 408 a request expired; 404, 409, 503: no such consumer, deleted, no JetStream. */
static void on_status(struct mq_pull *pull, const char *status, unsigned number)
{
    pthread_mutex_lock(&pull->lock);
    if (strcmp(status, "408") == 0)
        forget_number(pull, number);
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
        const char *dot = strrchr(natsMsg_GetSubject(msg), '.');
        on_status(pull, status, dot != NULL ? (unsigned)strtoul(dot + 1, NULL, 10) : 0);
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

static natsStatus subscribe(struct mq_pull *pull)
{
    natsInbox *inbox = NULL;
    char all[sizeof pull->inbox + 1];
    natsStatus s = natsInbox_Create(&inbox);
    if (s != NATS_OK)
        return s;
    snprintf(pull->inbox, sizeof pull->inbox, "%s.", inbox);
    snprintf(all, sizeof all, "%s*", pull->inbox);
    natsInbox_Destroy(inbox);
    return mq_listen(pull->mq, all, on_delivery, pull, &pull->sub);
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
    natsStatus s = subscribe(pull);
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

/* What the server may never have heard of, or lets go soon, does not count. */
static void forget_stale(struct mq_pull *pull, int64_t now)
{
    const int reconnects = atomic_load(&pull->mq->reconnects);
    const int ensures = atomic_load(&pull->mq->ensures);
    if (reconnects != pull->reconnects || ensures != pull->ensures)
        pull->count = 0;
    pull->reconnects = reconnects;
    pull->ensures = ensures;
    while (pull->count > 0 && pull->requests[0].renew_ms <= now)
        forget(pull, 0);
}

/* How many to ask for now, and under which number; the request is written down before it is sent. */
static int plan(struct mq_pull *pull, int credit, unsigned *number)
{
    const int64_t now = clock_mono_ms();
    pthread_mutex_lock(&pull->lock);
    forget_stale(pull, now);
    int want = credit - outstanding_locked(pull);
    bool small = want * 2 < credit && pull->count > 0; /* do not ask one by one */
    if (want <= 0 || small || pull->count == MAX_REQUESTS || now < pull->pause_until_ms)
        want = 0;
    if (want > 0)
        pull->requests[pull->count++] =
            (struct request){.number = ++pull->number, .left = want, .renew_ms = now + RENEW_MS};
    *number = pull->number;
    pthread_mutex_unlock(&pull->lock);
    return want;
}

void mq_pull_want(struct mq_pull *pull, int credit)
{
    if (!mq_connected(pull->mq))
        return;
    unsigned number = 0;
    int want = plan(pull, credit, &number);
    if (want == 0)
        return;
    char body[96];
    char inbox[sizeof pull->inbox + 12];
    snprintf(inbox, sizeof inbox, "%s%u", pull->inbox, number);
    snprintf(body, sizeof body, "{\"batch\":%d,\"expires\":%lld}", want, EXPIRES_MS * 1000000LL);
    natsStatus s = natsConnection_PublishRequestString(pull->mq->nc, pull->subject, inbox, body);
    if (s != NATS_OK)
        on_status(pull, "503", number);
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

int64_t mq_delivery_seq(const struct mq_delivery *delivery)
{
    jsMsgMetaData *meta = NULL;
    if (natsMsg_GetMetaData(&meta, delivery->msg) != NATS_OK)
        return 0;
    int64_t seq = (int64_t)meta->Sequence.Stream;
    jsMsgMetaData_Destroy(meta);
    return seq;
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
