/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Publishing to JetStream: every message carries a reply subject that names its batch and its index in the
 * batch; one subscription gets all confirmations.  A late answer of an earlier batch is recognised by its
 * batch number and dropped.
 *
 * Each message names the stream that it is for: another stream that has the subject refuses it then, and no
 * other confirmation counts.
 *
 * The last message of a batch is sent as a request: the library sends a request at once, and with it all that
 * it has buffered.  Otherwise it would wait a millisecond for more, or for the answer to a PING, which the
 * server gives before it delivers the messages.
 */
#include "common/mq/internal.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/parse.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
    LARGEST_BYTES = 512 * 1024 /* no message of ours is larger; a server with a lower limit is set wrongly */
};

struct mq_publisher
{
    struct mq *mq;
    struct mq_ear *ear;
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

static const struct
{
    int64_t code;
    const char *words;
} refusals[] = {
    {10060, "another stream has taken the subject"},   {10077, "the JOBS stream is full"},
    {10054, "the stream takes only smaller messages"}, {10109, "the stream is sealed"},
    {10047, "JetStream has not enough storage"},       {10023, "JetStream has not enough storage"},
};

static void refused(struct mq_publisher *publisher, const char *text)
{
    const int64_t code = number_after(text, "\"err_code\":");
    if (publisher->code != E_OK)
        return;
    for (size_t i = 0; publisher->code == E_OK && i < sizeof refusals / sizeof refusals[0]; i++)
        if (refusals[i].code == code)
            publisher->code = fail(&publisher->why, E_UNAVAILABLE, "%s", refusals[i].words);
    if (publisher->code == E_OK && code > 0)
        publisher->code =
            fail(&publisher->why, E_UNAVAILABLE, "JetStream refused a message (%lld)", (long long)code);
    else if (publisher->code == E_OK)
        publisher->code = fail(&publisher->why, E_UNAVAILABLE, "no stream of ours keeps the message");
}

/* Whether a PubAck comes from the stream that this message is for. */
static bool is_from(const char *text, const char *stream)
{
    static const char before[] = "\"stream\":\"";
    const char *at = strstr(text, before);
    const size_t len = stream == NULL ? 0 : strlen(stream);
    if (stream == NULL) /* no subject of ours */
        return true;
    return at != NULL && strncmp(at + sizeof before - 1, stream, len) == 0 &&
           at[sizeof before - 1 + len] == '"';
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
    if (seq > 0 && is_from(text, mq_stream_of(message->subject)))
    {
        message->confirmed = true;
        message->seq = seq;
    }
    else
        refused(publisher, text);
    publisher->answered++;
}

static void on_ack(void *of, natsMsg *msg)
{
    struct mq_publisher *publisher = of;
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
    if (natsInbox_Create(&inbox) != NATS_OK)
    {
        mq_publisher_close(publisher);
        return fail(err, E_NO_MEMORY, "out of memory");
    }
    char subject[80];
    snprintf(publisher->prefix, sizeof publisher->prefix, "%s.", inbox);
    publisher->prefix_len = strlen(publisher->prefix);
    snprintf(subject, sizeof subject, "%s*.*", publisher->prefix);
    natsInbox_Destroy(inbox);
    const struct mq_ear_config config = {.subject = subject, .on_message = on_ack, .of = publisher};
    if (mq_ear_new(mq, &config, &publisher->ear, err) != E_OK)
    {
        mq_publisher_close(publisher);
        return E_NO_MEMORY;
    }
    *out = publisher;
    return E_OK;
}

void mq_publisher_close(struct mq_publisher *publisher)
{
    if (publisher == NULL)
        return;
    mq_ear_free(publisher->ear);
    pthread_cond_destroy(&publisher->all_in);
    pthread_mutex_destroy(&publisher->lock);
    free(publisher);
}

static natsStatus make(const struct mq_message *message, const char *reply, natsMsg **out)
{
    const char *stream = mq_stream_of(message->subject);
    natsStatus s = natsMsg_Create(out, message->subject, reply, message->data, (int)message->len);
    for (size_t i = 0; s == NATS_OK && i < message->headers_count; i++)
        s = natsMsgHeader_Set(*out, message->headers[i].name, message->headers[i].value);
    if (s == NATS_OK && stream != NULL)
        s = natsMsgHeader_Set(*out, "Nats-Expected-Stream", stream);
    return s;
}

static natsStatus send_one(struct mq_publisher *publisher, struct mq_link *link,
                           const struct mq_message *message, size_t at)
{
    char reply[128];
    snprintf(reply, sizeof reply, "%s%llu.%zu", publisher->prefix, (unsigned long long)publisher->batch, at);
    natsMsg *msg = NULL;
    log_trace("mq_publish", "%s", message->subject);
    natsStatus s = make(message, reply, &msg);
    if (s == NATS_OK)
        s = natsConnection_PublishMsg(link->nc, msg);
    natsMsg_Destroy(msg);
    return s;
}

/* Sends this message and all before it, and waits for its confirmation, which end_batch reads. */
static natsStatus ask_one(struct mq_publisher *publisher, struct mq_link *link,
                          const struct mq_message *message, size_t at, int64_t wait_ms)
{
    natsMsg *msg = NULL;
    natsMsg *reply = NULL;
    log_trace("mq_publish", "%s", message->subject);
    natsStatus s = make(message, NULL, &msg);
    if (s == NATS_OK)
        s = natsConnection_RequestMsg(&reply, link->nc, msg, wait_ms);
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

/* A blank or an empty token would break the protocol, and with it the connection of the whole process. */
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

/* A message that no server would take is skipped. */
static natsStatus send_or_skip(struct mq_publisher *publisher, struct mq_link *link, size_t at,
                               int64_t until_ms)
{
    struct mq_message *message = &publisher->messages[at];
    const int64_t left_ms = until_ms - clock_mono_ms();
    const bool last = at + 1 == publisher->count;
    natsStatus s = NATS_INVALID_SUBJECT;
    if (left_ms <= 0) /* the server reads slowly: the messages that were sent may be confirmed yet */
        return NATS_TIMEOUT;
    if (is_sendable(message->subject))
        s = last ? ask_one(publisher, link, message, at, left_ms) : send_one(publisher, link, message, at);
    if (s != NATS_INVALID_SUBJECT && s != NATS_MAX_PAYLOAD)
        return s;
    pthread_mutex_lock(&publisher->lock);
    message->hopeless = s == NATS_INVALID_SUBJECT || message->len > LARGEST_BYTES;
    if (!message->hopeless && publisher->code == E_OK)
        publisher->code = fail(&publisher->why, E_UNAVAILABLE, "max_payload of NATS is too small");
    publisher->answered++;
    pthread_mutex_unlock(&publisher->lock);
    return last ? natsConnection_FlushTimeout(link->nc, left_ms) : NATS_OK;
}

static void begin_batch(struct mq_publisher *publisher, struct mq_message *messages, size_t count)
{
    pthread_mutex_lock(&publisher->lock);
    publisher->batch++;
    publisher->messages = messages;
    publisher->count = count;
    publisher->answered = 0;
    publisher->code = E_OK;
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

/* mq_ping reports it. */
static void note_outcome(struct mq *mq, enum err_code code, const struct err *err)
{
    if (code != E_OK)
    {
        pthread_mutex_lock(&mq->lock);
        snprintf(mq->refusal, sizeof mq->refusal, "%.*s", (int)sizeof mq->refusal - 1, err->text);
        pthread_mutex_unlock(&mq->lock);
    }
    atomic_store(&mq->refused_ms, code == E_OK ? 0 : clock_mono_ms());
}

static enum err_code publish_over(struct mq_publisher *publisher, struct mq_link *link,
                                  struct mq_message *messages, size_t count, int wait_ms, struct err *err)
{
    const int64_t until_ms = clock_mono_ms() + wait_ms;
    begin_batch(publisher, messages, count);
    natsStatus s = NATS_OK;
    for (size_t i = 0; s == NATS_OK && i < count; i++)
        s = send_or_skip(publisher, link, i, until_ms);
    const int64_t left_ms = until_ms - clock_mono_ms();
    enum err_code code = end_batch(publisher, s == NATS_OK && left_ms > 0 ? (int)left_ms : 0, err);
    return s == NATS_OK ? code : mq_translate(publisher->mq, s, 0, "publish", err);
}

enum err_code mq_publish_all(struct mq_publisher *publisher, struct mq_message *messages, size_t count,
                             int wait_ms, struct err *err)
{
    struct mq_link *link = NULL;
    struct err why = ERR_INIT;
    if (count == 0)
        return E_OK;
    for (size_t i = 0; i < count; i++)
        messages[i].confirmed = messages[i].hopeless = false;
    if (mq_link_get(publisher->mq, &link, err) != E_OK)
        return E_UNAVAILABLE;
    enum err_code code = publish_over(publisher, link, messages, count, wait_ms, &why);
    mq_link_put(link);
    note_outcome(publisher->mq, code, &why);
    if (code != E_OK && err != NULL)
        *err = why;
    return code;
}
