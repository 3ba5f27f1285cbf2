/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening, over whatever link there is.
 *
 * The library may call back after a subscription was destroyed, and tells late or, when the connection ends
 * at that very moment, never that it will not any more.  So its callbacks get the ear, which is theirs as
 * much as its owner's and freed by whoever is last; what the owner gave, `heard` and `of`, is used only while
 * the owner has not freed the ear, and freeing waits for a call that runs.
 *
 * Up to 3.5 the library also reads a subscription that it takes a message for after everybody let go of it
 * (natsConn_processMsg).  So one that has ended lies with its link until nobody reads from that any more.
 */
#include "common/mq/internal.h"

#include <stdlib.h>
#include <string.h>

struct mq_ear
{
    struct mq *mq;
    struct mq_ear *next; /* mq's lock, as the two below */
    struct mq_ear *prev;
    unsigned attached; /* the number of the link that it listens to, or is about to */

    char *subject;
    void (*heard)(void *of, natsMsg *take);
    void *of;

    pthread_mutex_t lock; /* guards all below; not held while `heard` runs or the library is called */
    pthread_cond_t quiet;
    int refs; /* its owner, each subscription, and who attaches it */
    bool ended;
    bool runs; /* `heard` */
    natsSubscription *sub;
    struct mq_link *link; /* its, which the ear holds; NULL: no sub */
    unsigned sub_link;    /* the number of that link */
};

static void put(struct mq_ear *ear)
{
    pthread_mutex_lock(&ear->lock);
    const bool last = --ear->refs == 0;
    pthread_mutex_unlock(&ear->lock);
    if (!last)
        return;
    pthread_cond_destroy(&ear->quiet);
    pthread_mutex_destroy(&ear->lock);
    free(ear->subject);
    free(ear);
}

static void add_refs(struct mq_ear *ear, int count)
{
    pthread_mutex_lock(&ear->lock);
    ear->refs += count;
    pthread_mutex_unlock(&ear->lock);
}

static void on_complete(void *of)
{
    put(of);
}

/* An old subscription may have something left while the new one begins: one at a time. */
static void on_message(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *of)
{
    struct mq_ear *ear = of;
    (void)nc;
    (void)sub;
    pthread_mutex_lock(&ear->lock);
    while (ear->runs)
        pthread_cond_wait(&ear->quiet, &ear->lock);
    const bool ended = ear->ended;
    ear->runs = !ended;
    pthread_mutex_unlock(&ear->lock);
    if (ended)
    {
        natsMsg_Destroy(msg);
        return;
    }
    ear->heard(ear->of, msg);
    pthread_mutex_lock(&ear->lock);
    ear->runs = false;
    pthread_cond_broadcast(&ear->quiet);
    pthread_mutex_unlock(&ear->lock);
}

/* NULL: the link is at its end.  A subscription holds the ear; one that ended before it could be asked to
 * tell so keeps it, since its callback may run. */
static natsSubscription *subscribe(struct mq_ear *ear, struct mq_link *link)
{
    natsSubscription *sub = NULL;
    add_refs(ear, 1);
    if (natsConnection_Subscribe(&sub, link->nc, ear->subject, on_message, ear) != NATS_OK)
    {
        add_refs(ear, -1); /* not the last: who attaches holds it too */
        return NULL;
    }
    (void)natsSubscription_SetPendingLimits(sub, -1, -1); /* bounded by what is asked for */
    (void)natsSubscription_SetOnCompleteCB(sub, on_complete, ear);
    return sub;
}

/* Puts the link. */
static void end(struct mq_link *link, natsSubscription *sub)
{
    if (sub != NULL)
    {
        natsSubscription_Unsubscribe(sub);
        mq_link_bury(link, sub);
    }
    mq_link_put(link);
}

/* Where it fails the next link is attached to.  Whoever attaches to an old link may come behind the keeper,
 * who attached to the next. */
static void attach(struct mq_ear *ear, struct mq_link *link, unsigned number)
{
    mq_link_hold(link);
    natsSubscription *sub = subscribe(ear, link);
    natsSubscription *unused = sub;
    pthread_mutex_lock(&ear->lock);
    if (!ear->ended && number >= ear->sub_link)
    {
        struct mq_link *old = ear->link;
        unused = ear->sub;
        ear->sub = sub;
        ear->link = link;
        ear->sub_link = number;
        link = old;
    }
    pthread_mutex_unlock(&ear->lock);
    end(link, unused);
}

static struct mq_ear *next_deaf(struct mq *mq)
{
    struct mq_ear *ear = mq->ears;
    while (ear != NULL && ear->attached == mq->links)
        ear = ear->next;
    if (ear == NULL)
        return NULL;
    ear->attached = mq->links;
    add_refs(ear, 1);
    return ear;
}

void mq_ears_attach(struct mq *mq, struct mq_link *link)
{
    struct mq_ear *ear = NULL;
    pthread_mutex_lock(&mq->lock);
    const unsigned number = ++mq->links;
    while ((ear = next_deaf(mq)) != NULL)
    {
        pthread_mutex_unlock(&mq->lock);
        attach(ear, link, number);
        put(ear);
        pthread_mutex_lock(&mq->lock);
    }
    atomic_fetch_add(&mq->reconnects, 1);
    mq->link = link;
    mq->tried = true;
    atomic_store(&mq->up, !link->closed);
    pthread_cond_broadcast(&mq->news);
    pthread_mutex_unlock(&mq->lock);
}

/* Into the list, and the link of this moment if it is to be attached here. */
static struct mq_link *enlist(struct mq *mq, struct mq_ear *ear, unsigned *number)
{
    pthread_mutex_lock(&mq->lock);
    struct mq_link *link = mq->link;
    if (link != NULL)
    {
        link->refs++;
        ear->attached = *number = mq->links;
    }
    ear->next = mq->ears;
    if (ear->next != NULL)
        ear->next->prev = ear;
    mq->ears = ear;
    pthread_mutex_unlock(&mq->lock);
    return link;
}

static void delist(struct mq_ear *ear)
{
    struct mq *mq = ear->mq;
    pthread_mutex_lock(&mq->lock);
    if (ear->prev != NULL)
        ear->prev->next = ear->next;
    else
        mq->ears = ear->next;
    if (ear->next != NULL)
        ear->next->prev = ear->prev;
    pthread_mutex_unlock(&mq->lock);
}

enum err_code mq_ear_new(struct mq *mq, const struct mq_ear_config *config, struct mq_ear **out,
                         struct err *err)
{
    struct mq_ear *ear = calloc(1, sizeof *ear);
    char *subject = strdup(config->subject);
    if (ear == NULL || subject == NULL)
    {
        free(subject);
        free(ear);
        return fail(err, E_NO_MEMORY, "out of memory");
    }
    *ear = (struct mq_ear){.mq = mq, .subject = subject, .heard = config->heard, .of = config->of, .refs = 1};
    pthread_mutex_init(&ear->lock, NULL);
    pthread_cond_init(&ear->quiet, NULL);
    unsigned number = 0;
    struct mq_link *link = enlist(mq, ear, &number);
    if (link != NULL)
        attach(ear, link, number);
    mq_link_put(link);
    *out = ear;
    return E_OK;
}

void mq_ear_free(struct mq_ear *ear)
{
    if (ear == NULL)
        return;
    delist(ear);
    pthread_mutex_lock(&ear->lock);
    ear->ended = true;
    while (ear->runs)
        pthread_cond_wait(&ear->quiet, &ear->lock);
    natsSubscription *sub = ear->sub;
    struct mq_link *link = ear->link;
    ear->sub = NULL;
    ear->link = NULL;
    pthread_mutex_unlock(&ear->lock);
    end(link, sub);
    put(ear);
}

/* ---- subjects for everybody ------------------------------------------------------------------- */

struct mq_sub
{
    struct mq_ear *ear;
    void (*heard)(void *of, const char *subject, const char *data, size_t len);
    void *of;
};

static void hand_over(void *of, natsMsg *take)
{
    struct mq_sub *sub = of;
    sub->heard(sub->of, natsMsg_GetSubject(take), natsMsg_GetData(take), (size_t)natsMsg_GetDataLength(take));
    natsMsg_Destroy(take);
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
    const struct mq_ear_config config = {.subject = subject, .heard = hand_over, .of = sub};
    enum err_code code = mq_ear_new(mq, &config, &sub->ear, err);
    if (code != E_OK)
    {
        free(sub);
        return code;
    }
    *out = sub;
    return E_OK;
}

void mq_unsubscribe(struct mq_sub *sub)
{
    if (sub == NULL)
        return;
    mq_ear_free(sub->ear);
    free(sub);
}
