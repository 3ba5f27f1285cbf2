/* SPDX-License-Identifier: Apache-2.0 */
#include "workers/hunter/swarm.h"

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "workers/hunter/swarm_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
    LINKS_BYTES = 8 << 20, /* of all orders of a swarm */
    SETTLE_MS = 2500       /* after a wider selection, until the engine's numbers include it */
};

struct swarms *swarms_new(const struct swarms_config *config)
{
    struct swarms *swarms = calloc(1, sizeof *swarms);
    pthread_condattr_t monotonic;
    if (swarms == NULL)
        return NULL;
    swarms->config = *config;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&swarms->lock, NULL);
    pthread_cond_init(&swarms->news, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return swarms;
}

void swarms_free(struct swarms *swarms)
{
    if (swarms == NULL)
        return;
    while (swarms->list != NULL)
        swarm_free(swarms, swarms->list);
    swarm_found(swarms, NULL);
    pthread_cond_destroy(&swarms->news);
    pthread_mutex_destroy(&swarms->lock);
    free(swarms);
}

struct swarm *swarm_find(struct swarms *swarms, const char *id)
{
    for (struct swarm *swarm = swarms->list; swarm != NULL; swarm = swarm->next)
        if (strcmp(swarm->id, id) == 0)
            return swarm;
    return NULL;
}

void swarm_free(struct swarms *swarms, struct swarm *take)
{
    struct swarm **at = &swarms->list;
    while (*at != NULL && *at != take)
        at = &(*at)->next;
    if (*at != NULL)
        *at = take->next;
    selection_fini(&take->selection);
    free(take);
}

void swarm_send_off(struct swarms *swarms, struct swarm *swarm, enum engine_files_fate fate)
{
    struct err err = ERR_INIT;
    swarm->state = SWARM_LEAVING;
    if (engine_remove(swarms->config.engine, swarm->id, fate, &err) != E_OK)
        swarm_free(swarms, swarm); /* it was not there */
}

/* ---- orders --------------------------------------------------------------------------------- */

void order_begin(struct swarms *swarms, struct order *order)
{
    pthread_mutex_lock(&swarms->lock);
    order->next = swarms->orders;
    swarms->orders = order;
    pthread_mutex_unlock(&swarms->lock);
}

void order_end(struct swarms *swarms, struct order *order)
{
    pthread_mutex_lock(&swarms->lock);
    struct order **at = &swarms->orders;
    while (*at != NULL && *at != order)
        at = &(*at)->next;
    if (*at != NULL)
        *at = order->next;
    pthread_mutex_unlock(&swarms->lock);
}

void order_doing(struct swarms *swarms, struct order *order, const char *doing)
{
    pthread_mutex_lock(&swarms->lock);
    order->doing = doing;
    pthread_mutex_unlock(&swarms->lock);
}

/* ---- coming --------------------------------------------------------------------------------- */

static enum err_code add(struct swarms *swarms, struct swarm *swarm, const struct torrent_source *source,
                         enum engine_aim aim, struct err *err)
{
    char folder[SWARM_FOLDER_SIZE];
    snprintf(folder, sizeof folder, "%s/%s", swarms->config.folder, swarm->id);
    const struct engine_source to_add = {.id = swarm->id,
                                         .magnet = source->metainfo == NULL ? source->magnet : NULL,
                                         .metainfo = source->metainfo,
                                         .metainfo_size = source->metainfo_len,
                                         .links = source->links,
                                         .save_dir = folder,
                                         .priorities = swarm->selection.priority,
                                         .priorities_count = swarm->selection.count,
                                         .aim = aim};
    enum err_code code = engine_add(swarms->config.engine, &to_add, err);
    if (code != E_OK)
        return code;
    struct err ignored = ERR_INIT;
    return engine_set_seed_limits(swarms->config.engine, swarm->id, &swarms->config.seed_limits, &ignored) ==
                   E_OK
               ? E_OK
               : fail(err, E_UNAVAILABLE, "the torrent has just left: %s", ignored.text);
}

/* A new one, in the engine and in the list. */
static enum err_code make(struct swarms *swarms, const struct torrent_source *source, const char *files,
                          enum engine_aim aim, struct swarm **out, struct err *err)
{
    struct swarm *swarm = calloc(1, sizeof *swarm);
    if (swarm == NULL)
        return fail(err, E_NO_MEMORY, "no memory for a torrent");
    snprintf(swarm->id, sizeof swarm->id, "%s", source->id);
    swarm->moved_ms = clock_mono_ms();
    selection_add(&swarm->selection, files);
    enum err_code code = add(swarms, swarm, source, aim, err);
    if (code != E_OK)
    {
        selection_fini(&swarm->selection);
        free(swarm);
        return code;
    }
    swarm->next = swarms->list;
    swarms->list = swarm;
    *out = swarm;
    return E_OK;
}

/* A torrent that is here already may have to fetch more files. E_DISK_FULL: there is no space for them, and
 * nothing changes. */
static enum err_code widen(struct swarms *swarms, struct swarm *swarm, const char *files, struct err *err)
{
    struct selection wider = selection_copy(&swarm->selection);
    struct err why = ERR_INIT;
    enum err_code code = E_OK;
    bool more = selection_add(&wider, files);
    if (more)
        code = engine_select(swarms->config.engine, swarm->id, wider.priority, wider.count, &why);
    if (!more || code == E_DISK_FULL)
    {
        selection_fini(&wider);
        return more ? fail(err, code, "%s", why.text) : E_OK;
    }
    if (code != E_OK)
        log_warn("torrent_select", "torrent %s: %s", swarm->id, why.text);
    selection_fini(&swarm->selection);
    swarm->selection = wider;
    swarm->is_complete = false;
    swarm->widened_ms = clock_mono_ms();
    return E_OK;
}

/* Files of a complete torrent may have been changed since: for a new order it is complete when the engine
 * reports so again. */
static enum err_code share(struct swarms *swarms, struct swarm *swarm, const char *files, struct err *err)
{
    struct err gone = ERR_INIT;
    enum err_code code = widen(swarms, swarm, files, err);
    if (code != E_OK)
        return code;
    swarm->is_complete = false;
    return engine_want(swarms->config.engine, swarm->id, ENGINE_FETCH, &gone) == E_OK
               ? E_OK
               : fail(err, E_UNAVAILABLE, "the torrent is just leaving: %s", gone.text);
}

/* Passes the trackers of its orders to the engine; without memory the earlier ones stay. */
static void link_orders(struct swarms *swarms, struct swarm *swarm)
{
    struct buf links;
    struct err err = ERR_INIT;
    buf_init(&links, LINKS_BYTES);
    for (const struct order *order = swarm->orders; order != NULL; order = order->swarm_next)
        if (order->links != NULL)
            buf_addf(&links, "%s%s", links.len > 0 ? "\n" : "", order->links);
    if (links.failed || engine_link(swarms->config.engine, swarm->id, links.data, &err) != E_OK)
        log_warn("torrent_link", "torrent %s: cannot change its trackers: %s", swarm->id, err.text);
    buf_fini(&links);
}

static enum err_code join(struct swarms *swarms, struct order *order, const struct torrent_source *source,
                          struct err *err)
{
    struct swarm *swarm = swarm_find(swarms, source->id);
    if (swarm != NULL && swarm->state != SWARM_HERE)
        return fail(err, E_UNAVAILABLE, "the torrent is just leaving");
    enum err_code code = swarm != NULL ? share(swarms, swarm, order->files, err)
                                       : make(swarms, source, order->files, ENGINE_FETCH, &swarm, err);
    if (code != E_OK || swarm == NULL)
        return code;
    order->swarm = swarm;
    order->swarm_next = swarm->orders;
    swarm->orders = order;
    link_orders(swarms, swarm);
    swarm_found(swarms, swarm->id);
    swarm->moved_ms = clock_mono_ms();
    swarm_adjust(swarms, swarm);
    return E_OK;
}

enum err_code swarm_join(struct swarms *swarms, struct order *order, const struct torrent_source *source,
                         struct err *err)
{
    pthread_mutex_lock(&swarms->lock);
    enum err_code code = join(swarms, order, source, err);
    pthread_mutex_unlock(&swarms->lock);
    return code;
}

enum err_code swarms_seed(struct swarms *swarms, const struct torrent_source *source, const char *files,
                          struct err *err)
{
    struct swarm *swarm = NULL;
    pthread_mutex_lock(&swarms->lock);
    enum err_code code =
        swarm_find(swarms, source->id) != NULL ? E_OK : make(swarms, source, files, ENGINE_SEED, &swarm, err);
    if (swarm != NULL)
        swarm->was_completed = true;
    pthread_mutex_unlock(&swarms->lock);
    return code;
}

/* ---- going ---------------------------------------------------------------------------------- */

static void unlink_order(struct swarm *swarm, struct order *order)
{
    struct order **at = &swarm->orders;
    while (*at != NULL && *at != order)
        at = &(*at)->swarm_next;
    if (*at != NULL)
        *at = order->swarm_next;
    order->swarm = NULL;
    order->swarm_next = NULL;
}

static void pause_swarm(struct swarms *swarms, struct swarm *swarm)
{
    struct err err = ERR_INIT;
    if (engine_pause(swarms->config.engine, swarm->id, &err) != E_OK)
        log_warn("torrent_pause", "torrent %s: %s", swarm->id, err.text);
}

/* No order is left: files that are removed from now on are not fetched again. */
static bool seed_only(struct swarms *swarms, const struct swarm *swarm)
{
    struct err gone = ERR_INIT;
    return engine_want(swarms->config.engine, swarm->id, ENGINE_SEED, &gone) == E_OK;
}

/* The last order has left. */
static void let_go(struct swarms *swarms, struct swarm *swarm, enum swarm_fate fate)
{
    bool seeds = swarm->was_completed && swarm->is_complete && swarms->config.seeding == SWARMS_SEED;
    if (swarm->state == SWARM_DEAD)
        swarm_free(swarms, swarm);
    else if (fate == SWARM_STAY)
        pause_swarm(swarms, swarm);
    else if (fate == SWARM_DELETE)
        swarm_send_off(swarms, swarm, ENGINE_DELETE_FILES);
    else if (!seeds || !seed_only(swarms, swarm))
        swarm_send_off(swarms, swarm, ENGINE_KEEP_FILES);
}

void swarm_leave(struct swarms *swarms, struct order *order, enum swarm_fate fate)
{
    pthread_mutex_lock(&swarms->lock);
    struct swarm *swarm = order->swarm;
    if (swarm != NULL)
    {
        unlink_order(swarm, order);
        swarm->was_completed = swarm->was_completed || fate == SWARM_SEED;
        if (swarm->orders == NULL)
            let_go(swarms, swarm, fate);
        else
        {
            link_orders(swarms, swarm);
            swarm_adjust(swarms, swarm);
        }
        pthread_cond_broadcast(&swarms->news);
    }
    pthread_mutex_unlock(&swarms->lock);
}

void swarm_adjust(struct swarms *swarms, struct swarm *swarm)
{
    struct err err = ERR_INIT;
    bool pause = swarm->orders != NULL;
    for (const struct order *order = swarm->orders; order != NULL; order = order->swarm_next)
        pause = pause && order->wish == ORDER_PAUSE;
    if (pause == swarm->is_paused || swarm->state != SWARM_HERE)
        return;
    swarm->is_paused = pause;
    swarm->moved_ms = clock_mono_ms();
    enum err_code code = pause ? engine_pause(swarms->config.engine, swarm->id, &err)
                               : engine_resume(swarms->config.engine, swarm->id, &err);
    if (code != E_OK)
        log_warn("torrent_pause", "torrent %s: %s", swarm->id, err.text);
}

/* ---- looking -------------------------------------------------------------------------------- */

/* After a wider selection the engine may have nothing to fetch and post no event: ask it. */
static void settle_selection(struct swarms *swarms, struct swarm *swarm)
{
    struct engine_stat stat;
    struct err err = ERR_INIT;
    if (swarm->widened_ms == 0 || clock_mono_ms() - swarm->widened_ms < SETTLE_MS ||
        engine_read_stat(swarms->config.engine, swarm->id, &stat, &err) != E_OK)
        return;
    swarm->widened_ms = 0;
    swarm->is_complete = swarm->is_complete || (stat.state == ENGINE_SEEDING && stat.wanted_bytes > 0 &&
                                                stat.done_bytes >= stat.wanted_bytes);
}

void swarm_look(struct swarms *swarms, const struct order *order, struct swarm_view *view)
{
    pthread_mutex_lock(&swarms->lock);
    struct swarm *swarm = order->swarm;
    settle_selection(swarms, swarm);
    *view = (struct swarm_view){.wish = order->wish,
                                .yields = order->yields,
                                .is_known = swarm->is_known,
                                .is_complete = swarm->is_complete && swarm->widened_ms == 0,
                                .code = swarm->code,
                                .fault = swarm->fault,
                                .quiet_ms = swarm->is_paused ? 0 : clock_mono_ms() - swarm->moved_ms,
                                .stat = swarm->stat};
    memcpy(view->text, swarm->text, sizeof view->text);
    pthread_mutex_unlock(&swarms->lock);
}

void swarms_wait(struct swarms *swarms, int64_t wait_ms)
{
    struct timespec until = clock_mono_after_ms(wait_ms);
    pthread_mutex_lock(&swarms->lock);
    (void)pthread_cond_timedwait(&swarms->news, &swarms->lock, &until);
    pthread_mutex_unlock(&swarms->lock);
}
