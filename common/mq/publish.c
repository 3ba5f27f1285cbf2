/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Publishing to JetStream: every message carries a reply subject that names its batch and its
 * place in it; one subscription hears all confirmations.  A late answer of an earlier batch is
 * told apart by the batch number and dropped.
 *
 * The last of a batch is a request: the library sends a request at once, and with it all that it has
 * buffered.  Otherwise it waits a millisecond for more, or wants a PING answered first, which the server
 * does before it delivers the messages.
 */
#include "common/mq/internal.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/parse.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct mq_publisher
{
    struct mq *mq;
    natsSubscription *sub;
    struct mq_ender *ender;
    char prefix[64]; /* of the inbox, with a dot at the end */
    size_t prefix_len;

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t all_in;
    uint64_t batch;
    struct mq_message *messages;
    size_t count;
    size_t answered;
    enum err_code code; /* of the first refusal */
    struct err why;
};

/* The number after "name": in a PubAck, which the server writes flat and without blanks; -1 if absent. */
static int64_t number_after(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    return at == NULL ? -1 : strtoll(at + strlen(name), NULL, 10);
}

static void refused(struct mq_publisher *publisher, const char *text)
{
    int64_t code = number_after(text, "\"err_code\":");
    if (publisher->code != E_OK)
        return;
    if (code == 10077)
        publisher->code = fail(&publisher->why, E_UNAVAILABLE, "the JOBS stream is full");
    else
        publisher->code =
            fail(&publisher->why, E_UNAVAILABLE, "JetStream refused a message (%lld)", (long long)code);
}

/* {"stream":"JOBS","seq":5,"duplicate":true} or {"error":{...}}; no responders: an empty 503. With the lock
 * held. */
static void answer(struct mq_publisher *publisher, size_t at, natsMsg *msg)
{
    char text[512];
    size_t len = (size_t)natsMsg_GetDataLength(msg);
    if (len >= sizeof text)
        len = sizeof text - 1;
    if (len > 0)
        memcpy(text, natsMsg_GetData(msg), len);
    text[len] = '\0';
    struct mq_message *message = &publisher->messages[at];
    int64_t seq = strstr(text, "\"error\"") == NULL ? number_after(text, "\"seq\":") : -1;
    if (message->confirmed)
        return;
    if (seq > 0)
    {
        message->confirmed = true;
        message->seq = seq;
    }
    else
        refused(publisher, text);
    publisher->answered++;
}

static void on_ack(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *of)
{
    struct mq_publisher *publisher = of;
    (void)nc;
    (void)sub;
    const char *subject = natsMsg_GetSubject(msg);
    char *rest = NULL;
    uint64_t batch = strtoull(subject + publisher->prefix_len, &rest, 10);
    size_t at = *rest == '.' ? strtoull(rest + 1, NULL, 10) : SIZE_MAX;
    bool all = false;
    pthread_mutex_lock(&publisher->lock);
    if (batch == publisher->batch && at < publisher->count)
    {
        answer(publisher, at, msg);
        all = publisher->answered == publisher->count;
    }
    pthread_mutex_unlock(&publisher->lock);
    if (all)
        pthread_cond_signal(&publisher->all_in);
    natsMsg_Destroy(msg);
}

enum err_code mq_publisher_open(struct mq *mq, struct mq_publisher **out, struct err *err)
{
    struct mq_publisher *publisher = calloc(1, sizeof *publisher);
    natsInbox *inbox = NULL;
    if (publisher == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    publisher->mq = mq;
    pthread_mutex_init(&publisher->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&publisher->all_in, &attr);
    pthread_condattr_destroy(&attr);
    natsStatus s = natsInbox_Create(&inbox);
    if (s == NATS_OK)
    {
        char subject[80];
        snprintf(publisher->prefix, sizeof publisher->prefix, "%s.", inbox);
        publisher->prefix_len = strlen(publisher->prefix);
        snprintf(subject, sizeof subject, "%s*.*", publisher->prefix);
        s = mq_listen(mq, subject, on_ack, publisher, &publisher->sub);
    }
    natsInbox_Destroy(inbox);
    if (s == NATS_OK)
        s = natsSubscription_SetPendingLimits(publisher->sub, -1, -1);
    if (s == NATS_OK)
        publisher->ender = mq_ender_new(publisher->sub);
    if (publisher->ender == NULL)
    {
        mq_publisher_close(publisher);
        return s == NATS_OK ? fail(err, E_NO_MEMORY, "out of memory") : mq_translate(s, 0, "subscribe", err);
    }
    *out = publisher;
    return E_OK;
}

void mq_publisher_close(struct mq_publisher *publisher)
{
    if (publisher == NULL)
        return;
    if (publisher->ender != NULL)
        mq_ender_end(publisher->ender, publisher->sub);
    else
        natsSubscription_Destroy(publisher->sub);
    pthread_cond_destroy(&publisher->all_in);
    pthread_mutex_destroy(&publisher->lock);
    free(publisher);
}

static natsStatus make(const struct mq_message *message, const char *reply, natsMsg **out)
{
    natsStatus s = natsMsg_Create(out, message->subject, reply, message->data, (int)message->len);
    for (size_t i = 0; s == NATS_OK && i < message->headers_count; i++)
        s = natsMsgHeader_Set(*out, message->headers[i].name, message->headers[i].value);
    return s;
}

static natsStatus send_one(struct mq_publisher *publisher, const struct mq_message *message, size_t at)
{
    char reply[128];
    snprintf(reply, sizeof reply, "%s%llu.%zu", publisher->prefix, (unsigned long long)publisher->batch, at);
    natsMsg *msg = NULL;
    log_trace("mq_publish", "%s", message->subject);
    natsStatus s = make(message, reply, &msg);
    if (s == NATS_OK)
        s = natsConnection_PublishMsg(publisher->mq->nc, msg);
    natsMsg_Destroy(msg);
    return s;
}

/* Sends this one and all before it, and waits for its confirmation; end_batch says what became of it. */
static natsStatus ask_one(struct mq_publisher *publisher, const struct mq_message *message, size_t at,
                          int wait_ms)
{
    natsMsg *msg = NULL;
    natsMsg *reply = NULL;
    log_trace("mq_publish", "%s", message->subject);
    natsStatus s = make(message, NULL, &msg);
    if (s == NATS_OK)
        s = natsConnection_RequestMsg(&reply, publisher->mq->nc, msg, wait_ms);
    pthread_mutex_lock(&publisher->lock);
    if (s == NATS_OK)
        answer(publisher, at, reply);
    else if (s == NATS_NO_RESPONDERS)
    {
        refused(publisher, "");
        publisher->answered++;
    }
    pthread_mutex_unlock(&publisher->lock);
    natsMsg_Destroy(reply);
    natsMsg_Destroy(msg);
    return s == NATS_NO_RESPONDERS || s == NATS_TIMEOUT ? NATS_OK : s;
}

/* A blank or an empty token would break the protocol, and with it the connection of everybody. */
static bool is_sendable(const char *subject)
{
    size_t token = 0;
    for (const char *at = subject; *at != '\0'; at++)
    {
        unsigned char c = (unsigned char)*at;
        if (c <= ' ' || c == 0x7f || c == '*' || c == '>' || (c == '.' && token == 0))
            return false;
        token = c == '.' ? 0 : token + 1;
    }
    return token > 0;
}

/* `wait_ms`: 0 when more follow, else how long the last one may take. What no server would take is passed
 * over. */
static natsStatus send_or_skip(struct mq_publisher *publisher, struct mq_message *message, size_t at,
                               int wait_ms)
{
    natsStatus s = NATS_INVALID_SUBJECT;
    if (is_sendable(message->subject))
        s = wait_ms == 0 ? send_one(publisher, message, at) : ask_one(publisher, message, at, wait_ms);
    if (s != NATS_INVALID_SUBJECT && s != NATS_MAX_PAYLOAD)
        return s;
    pthread_mutex_lock(&publisher->lock);
    message->hopeless = true;
    publisher->answered++;
    pthread_mutex_unlock(&publisher->lock);
    return wait_ms == 0 ? NATS_OK : natsConnection_FlushTimeout(publisher->mq->nc, wait_ms);
}

static void begin_batch(struct mq_publisher *publisher, struct mq_message *messages, size_t count)
{
    pthread_mutex_lock(&publisher->lock);
    publisher->batch++;
    publisher->messages = messages;
    publisher->count = count;
    publisher->answered = 0;
    publisher->code = E_OK;
    for (size_t i = 0; i < count; i++)
        messages[i].confirmed = messages[i].hopeless = false;
    pthread_mutex_unlock(&publisher->lock);
}

/* After this no answer touches `messages` any more. */
static enum err_code end_batch(struct mq_publisher *publisher, int wait_ms, struct err *err)
{
    struct timespec until = clock_mono_after_ms(wait_ms);
    int waited = 0;
    pthread_mutex_lock(&publisher->lock);
    while (publisher->answered < publisher->count && waited == 0)
        waited = pthread_cond_timedwait(&publisher->all_in, &publisher->lock, &until);
    bool all = publisher->answered == publisher->count;
    enum err_code code = publisher->code;
    if (code != E_OK && err != NULL)
        *err = publisher->why;
    publisher->messages = NULL;
    publisher->count = 0;
    publisher->batch++;
    pthread_mutex_unlock(&publisher->lock);
    if (code != E_OK)
        return code;
    return all ? E_OK : fail(err, E_UNAVAILABLE, "JetStream did not confirm in time");
}

enum err_code mq_publish_all(struct mq_publisher *publisher, struct mq_message *messages, size_t count,
                             int wait_ms, struct err *err)
{
    if (count == 0)
        return E_OK;
    if (!mq_connected(publisher->mq))
    {
        for (size_t i = 0; i < count; i++)
            messages[i].confirmed = false;
        return fail(err, E_UNAVAILABLE, "NATS is away");
    }
    const int64_t until_ms = clock_mono_ms() + wait_ms;
    begin_batch(publisher, messages, count);
    natsStatus s = NATS_OK;
    for (size_t i = 0; s == NATS_OK && i < count; i++)
        s = send_or_skip(publisher, &messages[i], i, i + 1 < count ? 0 : wait_ms);
    const int64_t left_ms = until_ms - clock_mono_ms();
    enum err_code code = end_batch(publisher, s == NATS_OK && left_ms > 0 ? (int)left_ms : 0, err);
    code = s == NATS_OK ? code : mq_translate(s, 0, "publish", err);
    atomic_store(&publisher->mq->refused_ms, code == E_OK ? 0 : clock_mono_ms());
    return code;
}
