/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker announces that it is idle, and begins the jobs that are handed off to it (docs/adr/0012).
 *
 * Such a job was claimed for this worker when it was accepted, and has no wake-up. What gets lost on the way
 * the keeper hands back, and that writes one.
 */
#include "workers/runtime/internal.h"

#include "common/base/clock.h"
#include "common/job/handoff.h"
#include "common/obs/metrics.h"
#include "common/outbox/outbox.h"

#include <stdio.h>
#include <string.h>

/* With the lock held: how many would be begun at once.  Nothing waits then. */
static int free_slots(const struct runtime *runtime)
{
    const struct shared *shared = &runtime->shared;
    const int slots = shared->idle - shared->ready.count - inbox_count(&shared->inbox);
    if (!shared->inbox.open || shared->inbox.quarantined != NULL || slots < 0)
        return 0;
    return slots < IDLE_MAX_SLOTS ? slots : IDLE_MAX_SLOTS;
}

void handoff_announce(struct runtime *runtime)
{
    char subject[64];
    struct buf buf;
    struct err err = ERR_INIT;
    struct idle idle = {
        .worker_id = runtime->worker_id.text, .lease_ms = runtime->config.lease_ms, .stamp = clock_mono_ms()};
    struct shared *shared = runtime_lock(runtime);
    idle.slots = free_slots(runtime);
    const bool says = idle.slots > 0 && idle.stamp >= shared->announce_again_ms;
    if (says)
        shared->announce_again_ms = idle.stamp + ANNOUNCE_AGAIN_MS;
    runtime_unlock(runtime);
    if (!says)
        return;
    buf_init(&buf, IDLE_MAX_BYTES);
    idle_encode(&idle, &buf);
    snprintf(subject, sizeof subject, "sokoul.ctl.idle.%.40s", runtime->config.worker);
    if (!buf.failed && mq_publish(runtime->config.mq, subject, buf.data, &err) != E_OK)
        log_debug("idle_unsaid", "%s", err.text);
    buf_fini(&buf);
}

static struct job_claim claim_of(const struct handoff *handoff)
{
    const struct envelope *envelope = &handoff->envelope;
    return (struct job_claim){
        .job_id = envelope->job_id,
        .kind = envelope->kind,
        .user_id = envelope->user_id,
        .request_id = envelope->request_id,
        .payload = envelope->payload,
        .parent_id = envelope->parent_id,
        .priority = envelope->priority,
        .deadline_at_ms = envelope->deadline_at_ms != ENVELOPE_TIME_NONE ? envelope->deadline_at_ms : 0,
        .fence = handoff->fence,
        .attempts = 1,
        .note = handoff->note};
}

static void take(struct runtime *runtime, const struct job_claim *claim)
{
    metrics_add(METRIC_WORKER_GIVEN, 1);
    struct shared *shared = runtime_lock(runtime);
    shared->announce_again_ms = 0;
    const bool known = runtime_find(runtime, claim->job_id, claim->fence) != NULL;
    const char *why = shared->draining                ? "the worker is shutting down"
                      : inbox_is_full(&shared->inbox) ? "the worker was busy after all"
                                                      : NULL;
    runtime_unlock(runtime);
    if (known)
        return;
    if (why != NULL)
        deliver_back(runtime, claim, why);
    else
        deliver(runtime, claim, NULL, 1);
}

void handoff_on_job(void *of, const char *subject, const char *data, size_t len)
{
    struct runtime *runtime = of;
    struct handoff handoff = {.stamp = 0};
    struct err err = ERR_INIT;
    (void)subject;
    struct arena *arena = arena_new_sized(4096, 8 * HANDOFF_MAX_BYTES);
    enum err_code code = arena != NULL ? handoff_decode(arena, data, len, &handoff, &err)
                                       : fail(&err, E_NO_MEMORY, "out of memory");
    if (code == E_OK && clock_mono_ms() - handoff.stamp >= HANDOFF_GOOD_MS)
        code = fail(&err, E_TIMEOUT, "its announcement is too old");
    if (code == E_OK)
    {
        const struct job_claim claim = claim_of(&handoff);
        take(runtime, &claim);
    }
    else
        log_warn("handoff_refused", "a job that was handed off to this worker is run again soon: %s",
                 err.text);
    arena_free(arena);
}
