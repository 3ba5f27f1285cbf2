/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An idle worker's offer to take the next job at once, and the jobs that it is given (docs/adr/0012).
 *
 * A given job was claimed for this worker when it was accepted. Its wake-up comes all the same, here or
 * elsewhere, and wakes nothing: the claim refuses it.  What gets lost on the way the keeper hands back.
 */
#include "workers/runtime/internal.h"

#include "common/base/clock.h"
#include "common/job/offer.h"
#include "common/obs/metrics.h"
#include "common/outbox/outbox.h"

#include <stdio.h>
#include <string.h>

/* With the lock held: how many would be begun at once.  Nothing waits then. */
static int room(const struct runtime *runtime)
{
    const struct shared *shared = &runtime->shared;
    int room = shared->idle - shared->ready.count - inbox_count(&shared->inbox);
    if (!shared->inbox.open || shared->inbox.quarantined != NULL || room < 0)
        return 0;
    return room < OFFER_MAX_ROOM ? room : OFFER_MAX_ROOM;
}

void eager_offer(struct runtime *runtime)
{
    char subject[64];
    struct buf buf;
    struct err err = ERR_INIT;
    struct offer offer = {
        .worker_id = runtime->worker_id.text, .lease_ms = runtime->config.lease_ms, .stamp = clock_mono_ms()};
    runtime_lock(runtime);
    offer.room = room(runtime);
    const bool says = offer.room > 0 && offer.stamp >= runtime->shared.offer_again_ms;
    if (says)
        runtime->shared.offer_again_ms = offer.stamp + OFFER_AGAIN_MS;
    runtime_unlock(runtime);
    if (!says)
        return;
    buf_init(&buf, OFFER_MAX_BYTES);
    offer_encode(&offer, &buf);
    snprintf(subject, sizeof subject, "sokoul.ctl.idle.%.40s", runtime->config.worker);
    if (!buf.failed && mq_publish(runtime->config.mq, subject, buf.data, &err) != E_OK)
        log_debug("offer_unsaid", "%s", err.text);
    buf_fini(&buf);
}

static struct job_claim claim_of(const struct given *given)
{
    const struct envelope *envelope = &given->envelope;
    return (struct job_claim){
        .job_id = envelope->job_id,
        .kind = envelope->kind,
        .user_id = envelope->user_id,
        .request_id = envelope->request_id,
        .payload = envelope->payload,
        .parent_id = envelope->parent_id,
        .priority = envelope->priority,
        .deadline_at_ms = envelope->deadline_at_ms != ENVELOPE_TIME_NONE ? envelope->deadline_at_ms : 0,
        .fence = given->fence,
        .attempts = 1,
        .note = given->note};
}

/* Its wake-up will come, here or elsewhere. */
static void remember(struct runtime *runtime, const char *job_id)
{
    struct id *at = &runtime->eager[runtime->eager_next++ % EAGER_KEPT];
    if (at->text[0] == '\0')
        runtime->eager_count++;
    snprintf(at->text, sizeof at->text, "%s", job_id);
}

static void take(struct runtime *runtime, const struct job_claim *claim)
{
    metrics_add(METRIC_WORKER_GIVEN, 1);
    runtime_lock(runtime);
    runtime->shared.offer_again_ms = 0;
    remember(runtime, claim->job_id);
    const bool known = runtime_find(runtime, claim->job_id, claim->fence) != NULL;
    const char *why = runtime->shared.draining                ? "the worker is shutting down"
                      : inbox_is_full(&runtime->shared.inbox) ? "the worker was busy after all"
                                                              : NULL;
    runtime_unlock(runtime);
    if (known)
        return;
    if (why != NULL)
        deliver_back(runtime, claim, why);
    else
        deliver(runtime, claim, NULL, 1);
}

/* A wake-up of the job's first epoch: any later one means that it waits again. */
bool eager_is_woken(struct runtime *runtime, const char *job_id, const struct mq_delivery *delivery)
{
    const char *msg_id = mq_delivery_header(delivery, "Nats-Msg-Id");
    bool known = false;
    if (msg_id == NULL || strcmp(msg_id + strnlen(msg_id, ID_SIZE - 1), ":1") != 0)
        return false;
    runtime_lock(runtime);
    for (size_t i = 0; i < EAGER_KEPT && runtime->eager_count > 0 && !known; i++)
    {
        known = strcmp(runtime->eager[i].text, job_id) == 0;
        if (!known)
            continue;
        runtime->eager[i].text[0] = '\0';
        runtime->eager_count--;
    }
    runtime_unlock(runtime);
    return known;
}

void eager_heard(void *of, const char *subject, const char *data, size_t len)
{
    struct runtime *runtime = of;
    struct given given = {.stamp = 0};
    struct err err = ERR_INIT;
    (void)subject;
    struct arena *arena = arena_new_sized(4096, 8 * GIVEN_MAX_BYTES);
    enum err_code code = arena != NULL ? given_decode(arena, data, len, &given, &err)
                                       : fail(&err, E_NO_MEMORY, "out of memory");
    if (code == E_OK && clock_mono_ms() - given.stamp >= GIVEN_GOOD_MS)
        code = fail(&err, E_TIMEOUT, "it was offered too long ago");
    if (code == E_OK)
    {
        const struct job_claim claim = claim_of(&given);
        take(runtime, &claim);
    }
    else
        log_warn("given_refused", "a job that this worker was given is run again soon: %s", err.text);
    arena_free(arena);
}
