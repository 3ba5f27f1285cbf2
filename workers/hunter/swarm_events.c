/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's events, one function per kind, found through a table. */
#include "common/base/clock.h"
#include "common/base/log.h"
#include "workers/hunter/swarm_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void take_stat(struct swarm *swarm, const struct engine_event *event)
{
    if (event->stat.fetched_bytes != swarm->stat.fetched_bytes ||
        event->stat.done_bytes != swarm->stat.done_bytes || event->stat.state != swarm->stat.state)
        swarm->moved_ms = clock_mono_ms();
    swarm->stat = event->stat;
}

static void on_progress(struct swarms *swarms, struct swarm *swarm, const struct engine_event *event)
{
    (void)swarms;
    take_stat(swarm, event);
}

static void on_metadata(struct swarms *swarms, struct swarm *swarm, const struct engine_event *event)
{
    (void)swarms;
    take_stat(swarm, event);
    swarm->is_known = true;
}

static void on_finished(struct swarms *swarms, struct swarm *swarm, const struct engine_event *event)
{
    take_stat(swarm, event);
    swarm->is_complete = true;
    if (swarm->orders == NULL && swarms->config.seeding == SWARMS_SEED_NEVER)
        swarm_send_off(swarms, swarm, ENGINE_KEEP_FILES);
}

static void on_fault(struct swarms *swarms, struct swarm *swarm, const struct engine_event *event)
{
    (void)swarms;
    swarm->stat = event->stat;
    swarm->fault = event->stat.fault;
    snprintf(swarm->text, sizeof swarm->text, "%s", event->text);
    log_warn("torrent_fault", "torrent %s: %s (%s)", swarm->id, event->text, event->cause);
}

static void on_recovered(struct swarms *swarms, struct swarm *swarm, const struct engine_event *event)
{
    (void)swarms;
    swarm->stat = event->stat;
    swarm->fault = ENGINE_FAULT_NONE;
    swarm->text[0] = '\0';
}

static void on_seeded(struct swarms *swarms, struct swarm *swarm, const struct engine_event *event)
{
    log_info("torrent_seeded", "torrent %s has been seeded enough: %llu bytes sent in %u s", swarm->id,
             (unsigned long long)event->stat.all_time_up_bytes, (unsigned)event->stat.seeding_s);
    if (swarm->orders == NULL)
        swarm_send_off(swarms, swarm, ENGINE_KEEP_FILES);
}

/* Without memory the loss is found when somebody wants the torrent again. */
static void lose(struct swarms *swarms, const struct swarm *swarm)
{
    struct swarm_lost *lost = calloc(1, sizeof *lost);
    if (lost == NULL)
        return;
    snprintf(lost->id, sizeof lost->id, "%s", swarm->id);
    lost->next = swarms->lost;
    swarms->lost = lost;
}

/* The torrent is not in the engine any more; without an order and not found on the disk, it was seeded. */
static void die(struct swarms *swarms, struct swarm *swarm, enum err_code code, const char *text)
{
    swarm->state = SWARM_DEAD;
    swarm->code =
        code == E_OK || code == E_CONFLICT ? E_UNAVAILABLE : code; /* here by its other hash: later */
    snprintf(swarm->text, sizeof swarm->text, "%s", text);
    if (swarm->orders != NULL)
        return;
    if (code == E_NOT_FOUND)
        lose(swarms, swarm);
    swarm_free(swarms, swarm);
}

static void on_refused(struct swarms *swarms, struct swarm *swarm, const struct engine_event *event)
{
    log_warn("torrent_refused", "torrent %s: %s (%s)", swarm->id, event->text, event->cause);
    die(swarms, swarm, event->code, event->text);
}

static void on_removed(struct swarms *swarms, struct swarm *swarm, const struct engine_event *event)
{
    (void)event;
    die(swarms, swarm, E_UNAVAILABLE, "the torrent was taken out");
}

static void (*const takers[])(struct swarms *swarms, struct swarm *swarm,
                              const struct engine_event *event) = {
    [ENGINE_METADATA] = on_metadata, [ENGINE_REFUSED] = on_refused, [ENGINE_PROGRESS] = on_progress,
    [ENGINE_FINISHED] = on_finished, [ENGINE_FAULT] = on_fault,     [ENGINE_RECOVERED] = on_recovered,
    [ENGINE_SEEDED] = on_seeded,     [ENGINE_RESUME_SAVED] = NULL,  [ENGINE_REMOVED] = on_removed,
    [ENGINE_FAILED] = on_refused,
};

void swarm_take_event(struct swarms *swarms, const struct engine_event *event)
{
    struct swarm *swarm = swarm_find(swarms, event->id);
    if (event->id[0] == '\0')
        log_error("engine_fault", "%s (%s)", event->text, event->cause);
    if (swarm == NULL || swarm->state == SWARM_DEAD ||
        (size_t)event->kind >= sizeof takers / sizeof takers[0])
        return;
    bool removing = swarm->state == SWARM_LEAVING;
    if (removing && event->kind != ENGINE_REMOVED && event->kind != ENGINE_FAILED)
        return;
    if (takers[event->kind] != NULL)
        takers[event->kind](swarms, swarm, event);
}

void swarms_poll(struct swarms *swarms, uint32_t wait_ms)
{
    size_t n = engine_poll(swarms->config.engine, swarms->events, SWARM_EVENTS, wait_ms);
    if (n == 0)
        return;
    pthread_mutex_lock(&swarms->lock);
    for (size_t i = 0; i < n; i++)
        swarm_take_event(swarms, &swarms->events[i]);
    pthread_cond_broadcast(&swarms->news);
    pthread_mutex_unlock(&swarms->lock);
}
