/* SPDX-License-Identifier: Apache-2.0 */
/* Which workers have offered to take a job at once (docs/adr/0012). */
#include "common/outbox/internal.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/job/offer.h"

#include <stdio.h>
#include <string.h>

#define IDLE "sokoul.ctl.idle."

/* With the lock held: where this offer goes, over the one of the same worker or the oldest. */
static struct standing *place_for(struct offers *offers, const char *worker_id)
{
    struct standing *oldest = &offers->list[0];
    for (size_t i = 0; i < OFFERS_MAX; i++)
    {
        if (strcmp(offers->list[i].worker_id.text, worker_id) == 0)
            return &offers->list[i];
        if (offers->list[i].until_ms < oldest->until_ms)
            oldest = &offers->list[i];
    }
    return oldest;
}

static void heard(void *of, const char *subject, const char *data, size_t len)
{
    struct offers *offers = of;
    const char *worker = subject + sizeof IDLE - 1;
    struct offer offer = {.stamp = 0};
    struct err err = ERR_INIT;
    arena_reset(offers->arena);
    if (offer_decode(offers->arena, data, len, &offer, &err) != E_OK)
    {
        log_debug("offer_refused", "%s: %s", subject, err.text);
        return;
    }
    pthread_mutex_lock(&offers->lock);
    struct standing *at = place_for(offers, offer.worker_id);
    snprintf(at->worker_id.text, sizeof at->worker_id.text, "%s", offer.worker_id);
    snprintf(at->worker, sizeof at->worker, "%s", worker);
    at->room = offer.room;
    at->lease_ms = offer.lease_ms;
    at->stamp = offer.stamp;
    at->until_ms = clock_mono_ms() + OFFER_GOOD_MS;
    pthread_mutex_unlock(&offers->lock);
}

enum err_code offers_open(struct offers *offers, struct mq *mq, struct err *err)
{
    pthread_mutex_init(&offers->lock, NULL);
    offers->mq = mq;
    offers->arena = arena_new_sized(OFFER_MAX_BYTES, 64 * OFFER_MAX_BYTES);
    if (offers->arena == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    return mq_subscribe(mq, IDLE "*", heard, offers, &offers->sub, err);
}

void offers_close(struct offers *offers)
{
    if (offers->mq == NULL)
        return;
    mq_unsubscribe(offers->sub);
    arena_free(offers->arena);
    pthread_mutex_destroy(&offers->lock);
}

bool outbox_offer(struct outbox *outbox, const char *worker, struct outbox_offer *offer)
{
    struct offers *offers = &outbox->offers;
    const int64_t now_ms = clock_mono_ms();
    struct standing *best = NULL;
    if (offers->mq == NULL)
        return false;
    pthread_mutex_lock(&offers->lock);
    for (size_t i = 0; i < OFFERS_MAX; i++)
    {
        struct standing *at = &offers->list[i];
        if (at->until_ms > now_ms && at->room > 0 && strcmp(at->worker, worker) == 0 &&
            (best == NULL || at->room > best->room))
            best = at;
    }
    if (best != NULL)
    {
        best->room--;
        *offer = (struct outbox_offer){
            .worker_id = best->worker_id, .lease_ms = best->lease_ms, .stamp = best->stamp};
    }
    pthread_mutex_unlock(&offers->lock);
    return best != NULL;
}

void offers_tell(struct offers *offers, const struct outbox_fresh *fresh)
{
    char subject[64];
    struct buf buf;
    struct err err = ERR_INIT;
    const struct given given = {
        .stamp = fresh->taker.stamp, .fence = fresh->given->fence, .note = fresh->given->note};
    buf_init(&buf, GIVEN_MAX_BYTES);
    given_encode(&given, fresh->rows[0].body, &buf);
    snprintf(subject, sizeof subject, "sokoul.ctl.given.%s", fresh->taker.worker_id.text);
    enum err_code code = buf.failed ? fail(&err, E_NO_MEMORY, "out of memory")
                                    : mq_publish(offers->mq, subject, buf.data, &err);
    if (code != E_OK)
        log_warn("given_untold",
                 "job %s was given to a worker that could not be told; it is run again soon: %s",
                 fresh->given->job_id, err.text);
    buf_fini(&buf);
}
