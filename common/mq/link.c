/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection.  The library would reconnect by itself, but it gives up: after a second refused login, and
 * when the first server of its list accepted and then sent nothing.  So its reconnecting is switched off, and
 * a thread of ours, the keeper, makes each new connection, for ever:
 *
 *     connect --ok--> subscribe all ears --> show it to everybody --> wait for its end
 *        ^  \__failed: say why, once__                                      |
 *        |_____________________________\____________________________________|
 *
 * Of several servers the keeper begins with the one of the last connection, unless JetStream did not answer
 * there: such a server may be cut off from the others of its cluster, or frozen, and the next one is tried.
 *
 * When NATS_URL changes (moved.h), the next connection goes where it leads now; the one that there is stays
 * until its end.
 *
 * A write waits for at most a second: after that the server reads nothing, and the library closes the
 * connection.  A caller that has got a link may use it after the link's end; each call fails then.
 */
#include "common/mq/internal.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/moved.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
    PAUSE_MS = 250,
    PAUSE_MAX_MS = 2000,
    SILENT_MS = 2500 /* of silence of JetStream, then another server is tried */
};

/* ---- references ------------------------------------------------------------------------------- */

void mq_put(struct mq *mq)
{
    pthread_mutex_lock(&mq->lock);
    const bool last = --mq->refs == 0;
    pthread_mutex_unlock(&mq->lock);
    if (!last)
        return;
    pthread_cond_destroy(&mq->news);
    pthread_mutex_destroy(&mq->lock);
    free(mq->urls);
    free(mq->origin);
    free(mq);
}

void mq_link_ref(struct mq_link *link)
{
    pthread_mutex_lock(&link->mq->lock);
    link->refs++;
    pthread_mutex_unlock(&link->mq->lock);
}

/* Without memory the subscription leaks: freeing it now might be too early. */
void mq_link_take_ended(struct mq_link *link, natsSubscription *sub)
{
    pthread_mutex_lock(&link->mq->lock);
    natsSubscription **more = realloc(link->ended, (link->ended_count + 1) * sizeof *more);
    if (more != NULL)
    {
        link->ended = more;
        link->ended[link->ended_count++] = sub;
    }
    pthread_mutex_unlock(&link->mq->lock);
}

void mq_link_put(struct mq_link *link)
{
    if (link == NULL)
        return;
    struct mq *mq = link->mq;
    pthread_mutex_lock(&mq->lock);
    const bool last = --link->refs == 0;
    pthread_mutex_unlock(&mq->lock);
    if (!last)
        return;
    for (size_t i = 0; i < link->ended_count; i++)
        natsSubscription_Destroy(link->ended[i]);
    free(link->ended);
    jsCtx_Destroy(link->js);
    natsConnection_Destroy(link->nc);
    free(link);
    mq_put(mq);
}

/* With the lock held. */
static struct mq_link *take(struct mq_link *link)
{
    if (link == NULL || link->closed)
        return NULL;
    link->refs++;
    return link;
}

enum err_code mq_link_get(struct mq *mq, struct mq_link **out, struct err *err)
{
    enum err_code code = E_OK;
    pthread_mutex_lock(&mq->lock);
    struct mq_link *link = take(mq->link);
    if (link == NULL)
        code = fail(err, E_UNAVAILABLE, "%s", mq->away);
    pthread_mutex_unlock(&mq->lock);
    if (code == E_OK)
        *out = link;
    return code;
}

enum err_code mq_link_get_prompt(struct mq *mq, struct mq_link **out, struct err *err)
{
    pthread_mutex_lock(&mq->lock);
    struct mq_link *link = mq->link != NULL ? take(mq->prompt) : NULL;
    if (link == NULL && !mq->wants_prompt)
    {
        mq->wants_prompt = true;
        pthread_cond_broadcast(&mq->news);
    }
    pthread_mutex_unlock(&mq->lock);
    if (link == NULL)
        return mq_link_get(mq, out, err);
    *out = link;
    return E_OK;
}

/* ---- does it lead to JetStream? ---------------------------------------------------------------- */

void mq_link_answered(struct mq_link *link)
{
    pthread_mutex_lock(&link->mq->lock);
    link->silent_ms = 0;
    pthread_mutex_unlock(&link->mq->lock);
}

bool mq_answers(struct mq *mq)
{
    pthread_mutex_lock(&mq->lock);
    const bool answers = mq->link != NULL && !mq->link->closed && mq->link->silent_ms == 0;
    pthread_mutex_unlock(&mq->lock);
    return answers;
}

void mq_link_silent(struct mq_link *link)
{
    struct mq *mq = link->mq;
    const int64_t now_ms = clock_mono_ms();
    pthread_mutex_lock(&mq->lock);
    if (link->silent_ms == 0)
        link->silent_ms = now_ms;
    const bool leaves = mq->servers_count > 1 && !link->left && now_ms - link->silent_ms >= SILENT_MS;
    link->left = link->left || leaves;
    pthread_mutex_unlock(&mq->lock);
    if (!leaves)
        return;
    log_warn("nats_left", "JetStream does not answer at this server of NATS_URL; trying the next one");
    natsConnection_Close(link->nc);
}

/* ---- making one ------------------------------------------------------------------------------- */

/* The link has two references: the caller's and, until the connection's end was announced, the library's. */
static natsStatus open_at(struct mq *mq, size_t server, enum mq_purpose purpose, struct mq_link **out)
{
    struct mq_link *link = calloc(1, sizeof *link);
    if (link == NULL)
        return NATS_NO_MEMORY;
    link->mq = mq;
    link->server = server;
    natsStatus s = mq_connect(link, purpose);
    if (s != NATS_OK) /* the library announces no end of a connection that was never made */
    {
        free(link);
        return s;
    }
    pthread_mutex_lock(&mq->lock);
    mq->refs++;
    link->refs += 2;
    pthread_mutex_unlock(&mq->lock);
    s = natsConnection_JetStream(&link->js, link->nc, NULL);
    if (s != NATS_OK)
    {
        natsConnection_Close(link->nc);
        mq_link_put(link);
        return s;
    }
    *out = link;
    return NATS_OK;
}

static bool is_stopping(struct mq *mq)
{
    pthread_mutex_lock(&mq->lock);
    const bool stopping = mq->stopping;
    pthread_mutex_unlock(&mq->lock);
    return stopping;
}

/* Tries the servers in turn, once around.  Of several failures a refusal is reported first: it says more than
 * that nothing listens. */
static natsStatus open_any(struct mq *mq, size_t first, struct mq_link **out)
{
    natsStatus why = NATS_NO_SERVER;
    for (size_t i = 0; i < mq->servers_count && !is_stopping(mq); i++)
    {
        natsStatus s = open_at(mq, (first + i) % mq->servers_count, MQ_GATHERED, out);
        if (s == NATS_OK)
            return s;
        if (s != NATS_NO_SERVER)
            why = s;
    }
    return why;
}

/* NATS_URL may say another password before NATS knows it: then the one before still lets us in. */
static natsStatus open_where_it_is(struct mq *mq, size_t first, struct mq_link **out)
{
    const struct moved moved = moved_look(mq->origin);
    if (!mq_use_servers(mq, moved.now))
        return NATS_INVALID_ARG;
    const natsStatus s = open_any(mq, first, out);
    if (s != NATS_CONNECTION_AUTH_FAILED || moved.before == NULL || !mq_use_servers(mq, moved.before) ||
        open_any(mq, first, out) != NATS_OK)
        return s;
    log_warn("nats_login", "NATS refuses the login that NATS_URL has now; the one before lets us in");
    return NATS_OK;
}

static void link_close(struct mq_link *link)
{
    if (link == NULL)
        return;
    natsConnection_Close(link->nc); /* its end is announced in any case */
    mq_link_put(link);
}

/* ---- the keeper ------------------------------------------------------------------------------- */

/* The text for each failure: what is wrong, and what mends it. */
static const struct
{
    natsStatus status;
    const char *words;
} reasons[] = {
    {NATS_CONNECTION_AUTH_FAILED, "NATS refuses the user or the password of NATS_URL: mend either of them"},
    {NATS_NO_SERVER, "NATS is away, nothing listens at NATS_URL: start nats-server, or mend NATS_URL"},
    {NATS_TIMEOUT, "NATS accepts the connection and does not answer: restart nats-server"},
    {NATS_SECURE_CONNECTION_WANTED, "NATS wants a TLS connection"},
    {NATS_NO_MEMORY, "out of memory"},
};

static const char *reason_of(natsStatus status)
{
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (reasons[i].status == status)
            return reasons[i].words;
    return "NATS is away";
}

/* Logs a reason once, until it is another one. */
static void note_failure(struct mq *mq, natsStatus status)
{
    const char *words = reason_of(status);
    pthread_mutex_lock(&mq->lock);
    const bool news = !mq->tried || strcmp(mq->away, words) != 0;
    if (!mq->tried)
        mq->first = status;
    snprintf(mq->away, sizeof mq->away, "%s", words);
    mq->tried = true;
    pthread_cond_broadcast(&mq->news);
    pthread_mutex_unlock(&mq->lock);
    if (news)
        log_warn("nats_away", "%s (%s); connecting by itself when it comes", words,
                 natsStatus_GetText(status));
}

/* The request for a prompt link is over, also when none could be made: the next publisher asks again. */
static void renew_prompt(struct mq *mq, size_t server)
{
    struct mq_link *link = NULL;
    if (open_at(mq, server, MQ_PROMPT, &link) != NATS_OK)
        link = NULL;
    pthread_mutex_lock(&mq->lock);
    struct mq_link *old = mq->prompt;
    mq->prompt = link;
    mq->wants_prompt = false;
    pthread_mutex_unlock(&mq->lock);
    link_close(old);
}

/* Waits until the link ends, or mq_link_stop; answers the server that is to be tried first afterwards. */
static size_t tend(struct mq *mq, struct mq_link *link)
{
    pthread_mutex_lock(&mq->lock);
    while (!mq->stopping && !link->closed)
    {
        if (!mq->wants_prompt)
        {
            pthread_cond_wait(&mq->news, &mq->lock);
            continue;
        }
        pthread_mutex_unlock(&mq->lock);
        renew_prompt(mq, link->server);
        pthread_mutex_lock(&mq->lock);
    }
    const bool lost = !mq->stopping;
    const size_t next = link->server + (link->left ? 1 : 0);
    struct mq_link *prompt = mq->prompt;
    mq->link = mq->prompt = NULL;
    atomic_store(&mq->up, false);
    snprintf(mq->away, sizeof mq->away, "NATS is away");
    pthread_mutex_unlock(&mq->lock);
    if (lost)
        log_warn("nats_disconnected", "lost the connection to NATS; reconnecting by itself");
    link_close(link);
    link_close(prompt); /* it goes to the same server */
    return next;
}

static bool pause_for(struct mq *mq, int64_t wait_ms)
{
    struct timespec until = clock_mono_after_ms(wait_ms);
    int waited = 0;
    pthread_mutex_lock(&mq->lock);
    while (!mq->stopping && waited == 0)
        waited = pthread_cond_timedwait(&mq->news, &mq->lock, &until);
    const bool on = !mq->stopping;
    pthread_mutex_unlock(&mq->lock);
    return on;
}

static void *keep(void *of)
{
    struct mq *mq = of;
    int64_t pause_ms = PAUSE_MS;
    size_t first = 0;
    do
    {
        struct mq_link *link = NULL;
        natsStatus s = open_where_it_is(mq, first, &link);
        if (s != NATS_OK)
        {
            note_failure(mq, s);
            pause_ms = pause_ms * 2 < PAUSE_MAX_MS ? pause_ms * 2 : PAUSE_MAX_MS;
            continue;
        }
        mq_ears_attach(mq, link);
        log_info("nats_connected", "connected to NATS");
        first = tend(mq, link);
        pause_ms = PAUSE_MS;
    } while (pause_for(mq, pause_ms));
    return NULL;
}

enum err_code mq_link_start(struct mq *mq, struct err *err)
{
    mq->kept = pthread_create(&mq->keeper, NULL, keep, mq) == 0;
    if (!mq->kept)
        return fail(err, E_NO_MEMORY, "cannot start a thread");
    pthread_mutex_lock(&mq->lock);
    while (!mq->tried)
        pthread_cond_wait(&mq->news, &mq->lock);
    const natsStatus first = mq->first;
    pthread_mutex_unlock(&mq->lock);
    return first == NATS_INVALID_ARG ? fail(err, E_CONFIG, "NATS_URL is no list of addresses") : E_OK;
}

void mq_link_stop(struct mq *mq)
{
    pthread_mutex_lock(&mq->lock);
    mq->stopping = true;
    pthread_cond_broadcast(&mq->news);
    pthread_mutex_unlock(&mq->lock);
    if (mq->kept)
        pthread_join(mq->keeper, NULL);
}
