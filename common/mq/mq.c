/* SPDX-License-Identifier: Apache-2.0 */
/* The connection, core messages, and what the library's failures mean. */
#include "common/mq/internal.h"

#include "common/base/clock.h"
#include "common/base/log.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
    REQUEST_MS = 2000,
    PROMPT_MS = 500, /* how long a write may wait for a server that reads nothing */
    RECONNECT_WAIT_MS = 250,
    PING_INTERVAL_MS = 5000,
    REFUSED_MS = 10000
};

enum
{
    SERVERS_MAX = 16,
    LISTEN_TRIES = 100,
    LISTEN_PAUSE_MS = 20
};

enum err_code mq_translate(natsStatus status, jsErrCode js_code, const char *what, struct err *err)
{
    if (status == NATS_NOT_FOUND)
        return fail(err, E_NOT_FOUND, "JetStream does not have it: %s", what);
    log_debug("nats_error", "%s: %s (%d)", what, natsStatus_GetText(status), (int)js_code);
    if (status == NATS_NO_MEMORY)
        return fail(err, E_NO_MEMORY, "out of memory");
    if (status == NATS_TIMEOUT)
        return fail(err, E_UNAVAILABLE, "NATS did not answer in time");
    if (js_code == JSInsufficientResourcesErr || js_code == JSStorageResourcesExceededErr)
        return fail(err, E_UNAVAILABLE, "JetStream has not enough storage");
    if (js_code != 0)
        return fail(err, E_UNAVAILABLE, "JetStream refused (%d): %s", (int)js_code, what);
    return fail(err, E_UNAVAILABLE, "NATS is away");
}

/* Closing it ourselves is heard here too, perhaps after mq is gone. */
static void on_disconnected(natsConnection *nc, void *of)
{
    (void)of;
    if (natsConnection_IsClosed(nc))
        return;
    log_warn("nats_disconnected", "lost the connection to NATS; reconnecting by itself");
}

static void on_reconnected(natsConnection *nc, void *of)
{
    struct mq *mq = of;
    (void)nc;
    atomic_fetch_add(&mq->reconnects, 1);
    log_info("nats_connected", "connected to NATS again");
}

static void on_first_connected(natsConnection *nc, void *of)
{
    struct mq *mq = of;
    (void)nc;
    atomic_fetch_add(&mq->reconnects, 1);
    log_info("nats_connected", "connected to NATS");
}

static void on_error(natsConnection *nc, natsSubscription *sub, natsStatus status, void *of)
{
    (void)nc;
    (void)sub;
    (void)of;
    log_warn("nats_error", "NATS reports: %s", natsStatus_GetText(status));
}

/* nats.c 3.4 goes on trying after a failed first connect, unless the last server of its list had accepted the
 * connection and then said nothing or hung up, as one does that is frozen or starts behind a proxy: then it
 * forgets where it was in the list, finds no next server, and closes the connection for good. Hence a last
 * server that refuses every connection. */
#define REFUSES_ALL "nats://127.0.0.1:1"

/* `urls`: with commas between them. */
static natsStatus set_servers(natsOptions *opts, const char *urls)
{
    const char *servers[SERVERS_MAX + 1];
    char *rest = NULL;
    int count = 0;
    char *list = strdup(urls);
    if (list == NULL)
        return NATS_NO_MEMORY;
    char *url = strtok_r(list, ",", &rest);
    for (; url != NULL && count < SERVERS_MAX; url = strtok_r(NULL, ",", &rest))
        servers[count++] = url;
    natsStatus s = url == NULL && count > 0 ? NATS_OK : NATS_INVALID_ARG;
    servers[count++] = REFUSES_ALL;
    if (s == NATS_OK)
        s = natsOptions_SetServers(opts, servers, count);
    if (s == NATS_OK)
        s = natsOptions_SetNoRandomize(opts, true); /* the last one must be the last */
    free(list);
    return s;
}

static natsStatus set_options(natsOptions *opts, struct mq *mq, const char *url, const char *name)
{
    natsStatus s = set_servers(opts, url);
    if (s == NATS_OK)
        s = natsOptions_SetName(opts, name);
    if (s == NATS_OK)
        s = natsOptions_SetMaxReconnect(opts, -1);
    if (s == NATS_OK)
        s = natsOptions_SetReconnectWait(opts, RECONNECT_WAIT_MS);
    if (s == NATS_OK)
        s = natsOptions_SetReconnectJitter(opts, 100, 100);
    if (s == NATS_OK)
        s = natsOptions_SetTimeout(opts, REQUEST_MS);
    if (s == NATS_OK)
        s = natsOptions_SetPingInterval(opts, PING_INTERVAL_MS);
    if (s == NATS_OK)
        s = natsOptions_SetIgnoreDiscoveredServers(opts, true);
    if (s == NATS_OK)
        s = natsOptions_UseGlobalMessageDelivery(opts, true);
    if (s == NATS_OK)
        s = natsOptions_SetDisconnectedCB(opts, on_disconnected, mq);
    if (s == NATS_OK)
        s = natsOptions_SetReconnectedCB(opts, on_reconnected, mq);
    if (s == NATS_OK)
        s = natsOptions_SetErrorHandler(opts, on_error, mq);
    if (s == NATS_OK)
        s = natsOptions_SetRetryOnFailedConnect(opts, true, on_first_connected, mq);
    return s;
}

static void free_mq(struct mq *mq)
{
    pthread_mutex_destroy(&mq->lock);
    pthread_mutex_destroy(&mq->prompt_lock);
    free(mq->url);
    free(mq);
}

enum err_code mq_open(const char *url, const char *name, struct mq **out, struct err *err)
{
    struct mq *mq = calloc(1, sizeof *mq);
    natsOptions *opts = NULL;
    if (mq == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    pthread_mutex_init(&mq->lock, NULL);
    pthread_mutex_init(&mq->prompt_lock, NULL);
    mq->url = strdup(url);
    snprintf(mq->prompt_name, sizeof mq->prompt_name, "%.50s prompt", name);
    natsStatus s = mq->url != NULL ? natsOptions_Create(&opts) : NATS_NO_MEMORY;
    if (s == NATS_OK)
        s = set_options(opts, mq, url, name);
    if (s == NATS_INVALID_ARG)
    {
        natsOptions_Destroy(opts);
        free_mq(mq);
        return fail(err, E_CONFIG, "NATS_URL is not a valid address");
    }
    if (s == NATS_OK)
        s = natsConnection_Connect(&mq->nc, opts);
    natsOptions_Destroy(opts);
    if (s == NATS_NOT_YET_CONNECTED)
        log_warn("nats_away", "NATS is away; connecting by itself when it comes");
    if (s == NATS_OK || s == NATS_NOT_YET_CONNECTED)
        s = natsConnection_JetStream(&mq->js, mq->nc, NULL);
    if (s != NATS_OK)
    {
        mq_close(mq);
        return mq_translate(s, 0, "connect", err);
    }
    *out = mq;
    return E_OK;
}

void mq_close(struct mq *mq)
{
    if (mq == NULL)
        return;
    if (mq->nc != NULL && mq_connected(mq))
        natsConnection_FlushTimeout(mq->nc, 1000);
    jsCtx_Destroy(mq->js);
    if (mq->nc != NULL)
        natsConnection_Close(mq->nc);
    natsConnection_Destroy(mq->nc);
    natsConnection_Destroy(mq->prompt);
    free_mq(mq);
}

bool mq_connected(struct mq *mq)
{
    return natsConnection_Status(mq->nc) == NATS_CONN_STATUS_CONNECTED;
}

int mq_connections(struct mq *mq)
{
    return atomic_load(&mq->reconnects);
}

/* Whoever publishes tries again every second: a refusal that is older was somebody's who went away. */
static bool is_refusing(struct mq *mq)
{
    long long refused_ms = atomic_load(&mq->refused_ms);
    return refused_ms != 0 && clock_mono_ms() - refused_ms < REFUSED_MS;
}

enum err_code mq_ping(struct mq *mq, int wait_ms, struct err *err)
{
    if (!mq_connected(mq))
        return fail(err, E_UNAVAILABLE, "NATS is away");
    natsMsg *reply = NULL;
    natsStatus s = natsConnection_RequestString(&reply, mq->nc, "$JS.API.INFO", "", wait_ms);
    natsMsg_Destroy(reply);
    if (s != NATS_OK)
        return mq_translate(s, 0, "JetStream info", err);
    if (is_refusing(mq))
        return fail(err, E_UNAVAILABLE, "JetStream takes no messages; accepted jobs wait");
    return E_OK;
}

/* It says nothing of its ups and downs: the other connection does. */
static natsStatus connect_prompt(struct mq *mq)
{
    natsOptions *opts = NULL;
    natsStatus s = natsOptions_Create(&opts);
    if (s == NATS_OK)
        s = set_options(opts, mq, mq->url, mq->prompt_name);
    if (s == NATS_OK)
        s = natsOptions_SetDisconnectedCB(opts, NULL, NULL);
    if (s == NATS_OK)
        s = natsOptions_SetReconnectedCB(opts, NULL, NULL);
    if (s == NATS_OK)
        s = natsOptions_SetRetryOnFailedConnect(opts, false, NULL, NULL);
    if (s == NATS_OK)
        s = natsOptions_SetWriteDeadline(opts, PROMPT_MS);
    if (s == NATS_OK)
        s = natsOptions_SetSendAsap(opts, true);
    if (s == NATS_OK)
        s = natsConnection_Connect(&mq->prompt, opts);
    natsOptions_Destroy(opts);
    return s;
}

enum err_code mq_publish(struct mq *mq, const char *subject, const char *text, struct err *err)
{
    if (!mq_connected(mq))
        return fail(err, E_UNAVAILABLE, "NATS is away");
    pthread_mutex_lock(&mq->prompt_lock);
    natsStatus s = mq->prompt == NULL ? connect_prompt(mq) : NATS_OK;
    pthread_mutex_unlock(&mq->prompt_lock);
    if (s == NATS_OK && natsConnection_Status(mq->prompt) != NATS_CONN_STATUS_CONNECTED)
        s = NATS_CONNECTION_DISCONNECTED; /* it would be kept until it connects: too late */
    if (s == NATS_OK)
        s = natsConnection_PublishString(mq->prompt, subject, text);
    return s == NATS_OK ? E_OK : mq_translate(s, 0, subject, err);
}

/* ---- ending a subscription ------------------------------------------------------------------ */

struct mq_ender
{
    pthread_mutex_t lock; /* guards done */
    pthread_cond_t over;
    bool done;
};

static void on_complete(void *of)
{
    struct mq_ender *ender = of;
    pthread_mutex_lock(&ender->lock);
    ender->done = true;
    pthread_cond_signal(&ender->over);
    pthread_mutex_unlock(&ender->lock);
}

struct mq_ender *mq_ender_new(natsSubscription *sub)
{
    struct mq_ender *ender = calloc(1, sizeof *ender);
    if (ender == NULL)
        return NULL;
    pthread_mutex_init(&ender->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&ender->over, &attr);
    pthread_condattr_destroy(&attr);
    if (natsSubscription_SetOnCompleteCB(sub, on_complete, ender) != NATS_OK)
        ender->done = true;
    return ender;
}

void mq_ender_end(struct mq_ender *ender, natsSubscription *sub)
{
    natsSubscription_Unsubscribe(sub);
    struct timespec until = clock_mono_after_ms(5000);
    pthread_mutex_lock(&ender->lock);
    int waited = 0;
    while (!ender->done && waited == 0)
        waited = pthread_cond_timedwait(&ender->over, &ender->lock, &until);
    bool done = ender->done;
    pthread_mutex_unlock(&ender->lock);
    natsSubscription_Destroy(sub);
    if (!done) /* its callback may still come: leaking beats a use after free */
        return;
    pthread_cond_destroy(&ender->over);
    pthread_mutex_destroy(&ender->lock);
    free(ender);
}

/* ---- listening ------------------------------------------------------------------------------ */

struct mq_sub
{
    natsSubscription *sub;
    struct mq_ender *ender;
    void (*heard)(void *of, const char *subject, const char *data, size_t len);
    void *of;
};

static void on_message(natsConnection *nc, natsSubscription *nats_sub, natsMsg *msg, void *of)
{
    struct mq_sub *sub = of;
    (void)nc;
    (void)nats_sub;
    sub->heard(sub->of, natsMsg_GetSubject(msg), natsMsg_GetData(msg), (size_t)natsMsg_GetDataLength(msg));
    natsMsg_Destroy(msg);
}

natsStatus mq_listen(struct mq *mq, const char *subject, natsMsgHandler heard, void *of,
                     natsSubscription **sub)
{
    natsStatus s = natsConnection_Subscribe(sub, mq->nc, subject, heard, of);
    for (int i = 0; i < LISTEN_TRIES && s != NATS_OK && s != NATS_NO_MEMORY && !mq_connected(mq); i++)
    {
        nats_Sleep(LISTEN_PAUSE_MS);
        s = natsConnection_Subscribe(sub, mq->nc, subject, heard, of);
    }
    return s;
}

enum err_code mq_subscribe(struct mq *mq, const char *subject,
                           void (*heard)(void *of, const char *subject, const char *data, size_t len),
                           void *of, struct mq_sub **out, struct err *err)
{
    struct mq_sub *sub = calloc(1, sizeof *sub);
    if (sub == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    sub->heard = heard;
    sub->of = of;
    natsStatus s = mq_listen(mq, subject, on_message, sub, &sub->sub);
    if (s == NATS_OK)
        sub->ender = mq_ender_new(sub->sub);
    if (s == NATS_OK && sub->ender != NULL)
    {
        *out = sub;
        return E_OK;
    }
    natsSubscription_Destroy(sub->sub);
    free(sub);
    return s == NATS_OK ? fail(err, E_NO_MEMORY, "out of memory") : mq_translate(s, 0, subject, err);
}

void mq_unsubscribe(struct mq_sub *sub)
{
    if (sub == NULL)
        return;
    mq_ender_end(sub->ender, sub->sub);
    free(sub);
}
