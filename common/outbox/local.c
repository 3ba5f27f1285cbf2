/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker in the relay's own process, which needs no broker between them (docs/adr/0009).
 *
 * From local_begin to local_end the worker keeps free slots for what may come.  The database is asked in
 * between without the lock; outbox_deliver_to(NULL) waits for the end, and after its deadline leaves without
 * it: what was claimed then is delivered to nobody, and is handed back like any claim that its worker does
 * not know of.
 */
#include "common/outbox/internal.h"

#include "common/base/clock.h"
#include "common/base/log.h"

#include <stdio.h>

enum
{
    LEAVE_MS = 2000, /* so long a claim that is under way is waited for */
    LATE_MS = 500    /* and so long its statement may take to notice */
};

void local_init(struct local *local)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&local->lock, NULL);
    pthread_cond_init(&local->ended, &attr);
    pthread_condattr_destroy(&attr);
}

void local_fini(struct local *local)
{
    pthread_cond_destroy(&local->ended);
    pthread_mutex_destroy(&local->lock);
}

static void attach(struct local *local, const struct outbox_local *to)
{
    pthread_mutex_lock(&local->lock);
    local->to = *to;
    snprintf(local->name.worker_id.text, sizeof local->name.worker_id.text, "%s", to->claimer->worker_id);
    snprintf(local->name.subjects, sizeof local->name.subjects, "sokoul.jobs.%.40s.%%", to->worker);
    local->name.lease_ms = to->claimer->lease_ms;
    pthread_mutex_unlock(&local->lock);
}

/* False: its time is over. */
static bool await_end(struct local *local, int64_t wait_ms)
{
    const struct timespec until = clock_mono_after_ms(wait_ms);
    int timed_out = 0;
    while (local->busy && timed_out == 0)
        timed_out = pthread_cond_timedwait(&local->ended, &local->lock, &until);
    return !local->busy;
}

void outbox_deliver_to(struct outbox *outbox, const struct outbox_local *to)
{
    struct local *local = &outbox->local;
    if (to != NULL)
    {
        attach(local, to);
        return;
    }
    const bool leaving = atomic_load(&outbox->stopping);
    if (!leaving) /* the statement that is under way ends by then, whatever the database does */
        atomic_store(&outbox->give_up_ms, clock_mono_ms() + LEAVE_MS);
    pthread_mutex_lock(&local->lock);
    local->closing = true;
    if (!await_end(local, LEAVE_MS + LATE_MS))
        log_warn("local_claim_left",
                 "a claim for the local worker did not end in time; what it claims is run again");
    local->to = (struct outbox_local){.worker = NULL};
    local->busy = false;
    local->closing = false;
    pthread_mutex_unlock(&local->lock);
    if (!leaving)
        atomic_store(&outbox->give_up_ms, 0);
}

void outbox_has_free_slots(struct outbox *outbox)
{
    if (atomic_exchange(&outbox->local.is_full, false))
        outbox_signal(outbox);
}

int local_begin(struct outbox *outbox)
{
    struct local *local = &outbox->local;
    int slots = RELAY_NO_WORKER;
    outbox->served = (struct local_name){.lease_ms = 0};
    pthread_mutex_lock(&local->lock);
    if (local->to.worker != NULL && !local->closing)
    {
        atomic_store(&local->is_full, true); /* first: a slot that becomes free now is told of */
        slots = local->to.free_slots(local->to.of);
        if (slots > 0)
            atomic_store(&local->is_full, false);
        local->busy = slots > 0;
        outbox->served = local->name;
    }
    pthread_mutex_unlock(&local->lock);
    return slots;
}

void local_end(struct outbox *outbox, const struct job_claim *claims, size_t count)
{
    struct local *local = &outbox->local;
    pthread_mutex_lock(&local->lock);
    if (local->busy)
        local->to.deliver(local->to.of, claims, count);
    local->busy = false;
    pthread_cond_broadcast(&local->ended);
    pthread_mutex_unlock(&local->lock);
}

enum err_code local_claim(struct outbox *outbox, struct db *db, struct arena *arena,
                          const struct relay_plan *plan, int64_t *claimed, struct err *err)
{
    const struct job_claimer claimer = {.worker_id = outbox->served.worker_id.text,
                                        .lease_ms = outbox->served.lease_ms};
    const struct job_local ask = {.subjects = outbox->served.subjects,
                                  .age_ms = plan->ages.local,
                                  .max = plan->max,
                                  .max_first = plan->max_first,
                                  .least = plan->least};
    struct job_claims claims = {.count = 0};
    enum err_code code = job_store_claim_local(db, arena, &claimer, &ask, &claims, err);
    if (code != E_OK)
        claims.count = 0;
    local_end(outbox, claims.list, claims.count);
    *claimed = (int64_t)claims.count;
    return code;
}
