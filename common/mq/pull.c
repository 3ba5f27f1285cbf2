/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pulling by hand: requests to CONSUMER.MSG.NEXT with one inbox for all answers, each with a number of its
 * own at the end of its reply subject, so that a status names its request.  A delivery carries the stream's
 * subject and counts against the oldest request.  A request is renewed a while before it expires, so that one
 * always waits at the server.
 *
 * A request to a consumer that does not exist is not answered at all.  Hence requests are short, and all are
 * made anew whenever mq_ensure has made something.
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
    struct mq_ear *ear;
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
    atomic_int holders;
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
        atomic_store(&pull->mq->wrong, true);
        pull->count = 0;
        pull->pause_until_ms = clock_mono_ms() + PAUSE_MS;
    }
    pthread_mutex_unlock(&pull->lock);
}

static void on_answer(void *of, natsMsg *msg)
{
    struct mq_pull *pull = of;
    const char *status = NULL;
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
    atomic_init(&delivery->holders, 1);
    pull->got(pull->of, delivery);
}

static enum err_code listen_for_all(struct mq_pull *pull, struct err *err)
{
    natsInbox *inbox = NULL;
    char all[sizeof pull->inbox + 1];
    if (natsInbox_Create(&inbox) != NATS_OK)
        return fail(err, E_NO_MEMORY, "out of memory");
    snprintf(pull->inbox, sizeof pull->inbox, "%s.", inbox);
    snprintf(all, sizeof all, "%s*", pull->inbox);
    natsInbox_Destroy(inbox);
    const struct mq_ear_config config = {.subject = all, .on_message = on_answer, .of = pull};
    return mq_ear_new(pull->mq, &config, &pull->ear, err);
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
    enum err_code code = listen_for_all(pull, err);
    if (code != E_OK)
    {
        mq_pull_close(pull);
        return code;
    }
    *out = pull;
    return E_OK;
}

void mq_pull_close(struct mq_pull *pull)
{
    if (pull == NULL)
        return;
    mq_ear_free(pull->ear);
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

/* Requests that the server may never have got, or that expire soon, do not count. */
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

/* How many messages to ask for now, and the number of that request, which is in the list before it is sent.
 */
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

static void request(struct mq_pull *pull, struct mq_link *link, int want, unsigned number)
{
    char body[96];
    char inbox[sizeof pull->inbox + 12];
    snprintf(inbox, sizeof inbox, "%s%u", pull->inbox, number);
    snprintf(body, sizeof body, "{\"batch\":%d,\"expires\":%lld}", want, EXPIRES_MS * 1000000LL);
    natsStatus s = natsConnection_PublishRequestString(link->nc, pull->subject, inbox, body);
    if (s != NATS_OK)
        on_status(pull, "503", number);
}

void mq_pull_want(struct mq_pull *pull, int credit)
{
    struct mq_link *link = NULL;
    unsigned number = 0;
    if (mq_link_get(pull->mq, &link, NULL) != E_OK)
        return;
    int want = plan(pull, credit, &number);
    if (want > 0)
        request(pull, link, want, number);
    mq_link_put(link);
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

void mq_delivery_hold(struct mq_delivery *delivery)
{
    atomic_fetch_add(&delivery->holders, 1);
}

void mq_delivery_free(struct mq_delivery *delivery)
{
    if (delivery == NULL || atomic_fetch_sub(&delivery->holders, 1) > 1)
        return;
    natsMsg_Destroy(delivery->msg);
    free(delivery);
}

static void reply(struct mq *mq, const struct mq_delivery *delivery, const char *text)
{
    struct mq_link *link = NULL;
    const char *subject = natsMsg_GetReply(delivery->msg);
    if (subject == NULL || mq_link_get(mq, &link, NULL) != E_OK)
        return;
    natsConnection_PublishString(link->nc, subject, text);
    mq_link_put(link);
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
