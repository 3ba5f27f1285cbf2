/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening to a subject over each link in turn.
 *
 * The library may call back after a subscription was destroyed.  It announces the last call late or, when the
 * connection ends at that very moment, never.  So its callbacks get the ear, which counts its users: the
 * owner and each subscription.  The last of them frees it.  The owner's `on_message` and `of` are used only
 * until the owner frees the ear, and mq_ear_free waits for a call that runs.
 *
 * Up to 3.5 the library also reads a subscription, for which it has just taken a message, after the
 * subscription was destroyed (natsConn_processMsg).  So an ended subscription is kept with its link, and
 * freed with it.
 */
#include "common/mq/internal.h"

#include <stdlib.h>
#include <string.h>

struct mq_ear
{
    struct mq *mq;
    struct mq_ear *next; /* guarded by mq's lock, as the two below */
    struct mq_ear *prev;
    unsigned attached; /* the number of the link that it listens to, or is about to */

    char *subject;
    void (*on_message)(void *of, natsMsg *take);
    void *of;

    pthread_mutex_t lock; /* guards all below; not held while on_message runs or the library is called */
    pthread_cond_t quiet;
    int refs; /* one of the owner, one of each subscription, one while it is attached */
    bool ended;
    bool runs; /* on_message */
    natsSubscription *sub;
    struct mq_link *link; /* of `sub`; the ear has a reference; NULL: no sub */
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

/* An old subscription may still deliver a message while the new one begins: on_message runs once at a time.
 */
static void receive(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *of)
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
    ear->on_message(ear->of, msg);
    pthread_mutex_lock(&ear->lock);
    ear->runs = false;
    pthread_cond_broadcast(&ear->quiet);
    pthread_mutex_unlock(&ear->lock);
}

/* NULL: the link has ended.  A subscription has a reference to the ear.  One that ended before on_complete
 * was set never gives it back, since its callback may still run. */
static natsSubscription *subscribe(struct mq_ear *ear, struct mq_link *link)
{
    natsSubscription *sub = NULL;
    add_refs(ear, 1);
    if (natsConnection_Subscribe(&sub, link->nc, ear->subject, receive, ear) != NATS_OK)
    {
        add_refs(ear, -1); /* not the last: the caller has one, too */
        return NULL;
    }
    (void)natsSubscription_SetPendingLimits(sub, -1, -1); /* bounded by what is asked for */
    (void)natsSubscription_SetOnCompleteCB(sub, on_complete, ear);
    return sub;
}

/* Ends the subscription and puts the link. */
static void end(struct mq_link *link, natsSubscription *sub)
{
    if (sub != NULL)
    {
        natsSubscription_Unsubscribe(sub);
        mq_link_take_ended(link, sub);
    }
    mq_link_put(link);
}

/* When subscribing fails, the ear waits for the next link.  This may run for an old link after the keeper has
 * attached the ear to the next one; then the newer subscription stays. */
static void attach(struct mq_ear *ear, struct mq_link *link, unsigned number)
{
    mq_link_ref(link);
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

static struct mq_ear *next_unattached(struct mq *mq)
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
    while ((ear = next_unattached(mq)) != NULL)
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

/* Adds the ear to the list, and answers the link that the caller attaches it to; NULL: the keeper will. */
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
    *ear = (struct mq_ear){
        .mq = mq, .subject = subject, .on_message = config->on_message, .of = config->of, .refs = 1};
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
    void (*on_message)(void *of, const char *subject, const char *data, size_t len);
    void *of;
};

static void hand_over(void *of, natsMsg *take)
{
    struct mq_sub *sub = of;
    sub->on_message(sub->of, natsMsg_GetSubject(take), natsMsg_GetData(take),
                    (size_t)natsMsg_GetDataLength(take));
    natsMsg_Destroy(take);
}

enum err_code mq_subscribe(struct mq *mq, const char *subject,
                           void (*on_message)(void *of, const char *subject, const char *data, size_t len),
                           void *of, struct mq_sub **out, struct err *err)
{
    struct mq_sub *sub = calloc(1, sizeof *sub);
    if (sub == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    sub->on_message = on_message;
    sub->of = of;
    const struct mq_ear_config config = {.subject = subject, .on_message = hand_over, .of = sub};
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
