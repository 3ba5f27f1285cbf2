/* SPDX-License-Identifier: Apache-2.0 */
/* One connection to one server, and the library's callbacks about it. */
#include "common/mq/internal.h"

#include "common/base/clock.h"
#include "common/base/log.h"

#include <stdio.h>

enum
{
    CONNECT_MS = 2000,
    WRITE_MS = 1000,
    PROMPT_MS = 500, /* a message that must leave at once is worth nothing later */
    PING_INTERVAL_MS = 5000
};

/* The library calls this once for each connection that was made, after all other callbacks of it. */
static void on_closed(natsConnection *nc, void *of)
{
    struct mq_link *link = of;
    struct mq *mq = link->mq;
    (void)nc;
    pthread_mutex_lock(&mq->lock);
    link->closed = true;
    if (link == mq->link)
        atomic_store(&mq->up, false);
    pthread_cond_broadcast(&mq->news);
    pthread_mutex_unlock(&mq->lock);
    mq_link_put(link);
}

/* The server does not answer a forbidden request; the caller that waited for an answer in vain looks for the
 * reason that is stored here. */
static void on_error(natsConnection *nc, natsSubscription *sub, natsStatus status, void *of)
{
    struct mq_link *link = of;
    const char *text = natsStatus_GetText(status);
    (void)sub;
    if (status == NATS_NOT_PERMITTED)
    {
        natsConnection_GetLastError(nc, &text);
        pthread_mutex_lock(&link->mq->lock);
        snprintf(link->mq->forbidden, sizeof link->mq->forbidden, "%s", text);
        link->mq->forbidden_ms = clock_mono_ms();
        pthread_mutex_unlock(&link->mq->lock);
    }
    log_warn("nats_error", "NATS reports: %s", text);
}

static natsStatus set_options(natsOptions *opts, struct mq_link *link, enum mq_purpose purpose)
{
    struct mq *mq = link->mq;
    natsStatus s = natsOptions_SetURL(opts, mq->servers[link->server]);
    if (s == NATS_OK)
        s = natsOptions_SetName(opts, purpose == MQ_PROMPT ? mq->prompt_name : mq->name);
    if (s == NATS_OK)
        s = natsOptions_SetAllowReconnect(opts, false);
    if (s == NATS_OK)
        s = natsOptions_SetTimeout(opts, CONNECT_MS);
    if (s == NATS_OK)
        s = natsOptions_SetWriteDeadline(opts, purpose == MQ_PROMPT ? PROMPT_MS : WRITE_MS);
    if (s == NATS_OK)
        s = natsOptions_SetSendAsap(opts, purpose == MQ_PROMPT);
    if (s == NATS_OK)
        s = natsOptions_SetPingInterval(opts, PING_INTERVAL_MS);
    if (s == NATS_OK)
        s = natsOptions_SetIgnoreDiscoveredServers(opts, true);
    if (s == NATS_OK)
        s = natsOptions_UseGlobalMessageDelivery(opts, true);
    if (s == NATS_OK)
        s = natsOptions_SetErrorHandler(opts, on_error, link);
    if (s == NATS_OK)
        s = natsOptions_SetClosedCB(opts, on_closed, link);
    return s;
}

natsStatus mq_connect(struct mq_link *link, enum mq_purpose purpose)
{
    natsOptions *opts = NULL;
    natsStatus s = natsOptions_Create(&opts);
    if (s == NATS_OK)
        s = set_options(opts, link, purpose);
    if (s == NATS_OK)
        s = natsConnection_Connect(&link->nc, opts);
    natsOptions_Destroy(opts);
    return s;
}
