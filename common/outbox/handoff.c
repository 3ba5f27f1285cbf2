/* SPDX-License-Identifier: Apache-2.0 */
/* Which workers have announced themselves idle, and the hand-off to one of them (docs/adr/0012). */
#include "common/outbox/internal.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/job/handoff.h"

#include <stdio.h>
#include <string.h>

#define IDLE "sokoul.ctl.idle."

/* With the lock held: where an announcement goes: over the one of the same worker, or over the oldest. */
static struct announced *place_for(struct recipients *recipients, const char *worker_id)
{
    struct announced *oldest = &recipients->list[0];
    for (size_t i = 0; i < RECIPIENTS_MAX; i++)
    {
        if (strcmp(recipients->list[i].worker_id.text, worker_id) == 0)
            return &recipients->list[i];
        if (recipients->list[i].until_ms < oldest->until_ms)
            oldest = &recipients->list[i];
    }
    return oldest;
}

static void on_idle(void *of, const char *subject, const char *data, size_t len)
{
    struct recipients *recipients = of;
    const char *worker = subject + sizeof IDLE - 1;
    struct idle idle = {.stamp = 0};
    struct err err = ERR_INIT;
    arena_reset(recipients->arena);
    if (idle_decode(recipients->arena, data, len, &idle, &err) != E_OK)
    {
        log_debug("idle_refused", "%s: %s", subject, err.text);
        return;
    }
    pthread_mutex_lock(&recipients->lock);
    struct announced *at = place_for(recipients, idle.worker_id);
    snprintf(at->worker_id.text, sizeof at->worker_id.text, "%s", idle.worker_id);
    snprintf(at->worker, sizeof at->worker, "%s", worker);
    at->slots = idle.slots;
    at->lease_ms = idle.lease_ms;
    at->stamp = idle.stamp;
    at->until_ms = clock_mono_ms() + IDLE_GOOD_MS;
    pthread_mutex_unlock(&recipients->lock);
}

enum err_code recipients_open(struct recipients *recipients, struct mq *mq, struct err *err)
{
    pthread_mutex_init(&recipients->lock, NULL);
    recipients->mq = mq;
    recipients->arena = arena_new_sized(IDLE_MAX_BYTES, 64 * IDLE_MAX_BYTES);
    if (recipients->arena == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    return mq_subscribe(mq, IDLE "*", on_idle, recipients, &recipients->sub, err);
}

void recipients_close(struct recipients *recipients)
{
    if (recipients->mq == NULL)
        return;
    mq_unsubscribe(recipients->sub);
    arena_free(recipients->arena);
    pthread_mutex_destroy(&recipients->lock);
}

bool outbox_recipient(struct outbox *outbox, const char *worker, struct job_recipient *recipient)
{
    struct recipients *recipients = &outbox->recipients;
    const int64_t now_ms = clock_mono_ms();
    struct announced *best = NULL;
    if (recipients->mq == NULL)
        return false;
    pthread_mutex_lock(&recipients->lock);
    for (size_t i = 0; i < RECIPIENTS_MAX; i++)
    {
        struct announced *at = &recipients->list[i];
        if (at->until_ms > now_ms && at->slots > 0 && strcmp(at->worker, worker) == 0 &&
            (best == NULL || at->slots > best->slots))
            best = at;
    }
    if (best != NULL)
    {
        best->slots--;
        *recipient = (struct job_recipient){
            .worker_id = best->worker_id, .lease_ms = best->lease_ms, .stamp = best->stamp};
    }
    pthread_mutex_unlock(&recipients->lock);
    return best != NULL;
}

void recipients_tell(struct recipients *recipients, const struct just_committed *committed)
{
    char subject[64];
    struct buf buf;
    struct err err = ERR_INIT;
    const struct handoff handoff = {.stamp = committed->recipient.stamp,
                                    .fence = committed->handed_off->fence,
                                    .note = committed->handed_off->note};
    buf_init(&buf, HANDOFF_MAX_BYTES);
    handoff_encode(&handoff, committed->rows[0].body, &buf);
    snprintf(subject, sizeof subject, "sokoul.ctl.given.%s", committed->recipient.worker_id.text);
    enum err_code code = buf.failed ? fail(&err, E_NO_MEMORY, "out of memory")
                                    : mq_publish(recipients->mq, subject, buf.data, &err);
    if (code != E_OK)
        log_warn("handoff_untold",
                 "job %s was handed off to a worker that could not be told; it is run again soon: %s",
                 committed->handed_off->job_id, err.text);
    buf_fini(&buf);
}
