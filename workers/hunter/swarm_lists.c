/* SPDX-License-Identifier: Apache-2.0 */
/* The table as the ledger and purge see it. */
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/obs/metrics.h"
#include "workers/hunter/progress.h"
#include "workers/hunter/swarm_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *detail_of(const struct order *order, int64_t now_ms)
{
    const struct swarm *swarm = order->swarm;
    if (order->wish == ORDER_PAUSE)
        return "Paused";
    if (swarm == NULL)
        return order->doing;
    if (swarm->text[0] != '\0')
        return swarm->text;
    return progress_words(&swarm->stat, now_ms - swarm->moved_ms);
}

static struct hunter_progress line_of(struct arena *arena, const struct order *order, const char *detail)
{
    static const struct engine_stat nothing;
    const struct engine_stat *stat = order->swarm == NULL ? &nothing : &order->swarm->stat;
    return (struct hunter_progress){
        .guard = {.job_id = arena_strdup(arena, order->job_id.text),
                  .fence = order->fence,
                  .download_id = arena_strdup(arena, order->download_id.text)},
        .progress = progress_share(stat),
        .done_bytes = (int64_t)stat->done_bytes,
        .total_bytes = (int64_t)stat->wanted_bytes,
        .down_bytes_s = (int64_t)stat->down_bytes_s,
        .peers = (int64_t)stat->peers,
        .eta_s = progress_eta_s(stat),
        .detail = arena_strdup(arena, detail),
    };
}

static size_t count_orders(const struct swarms *swarms)
{
    size_t n = 0;
    for (const struct order *order = swarms->orders; order != NULL; order = order->next)
        n++;
    return n;
}

enum err_code swarms_lines(struct swarms *swarms, struct arena *arena, int64_t all_ms,
                           struct hunter_progress **lines, size_t *count, struct err *err)
{
    size_t n = 0;
    int64_t now_ms = clock_mono_ms();
    pthread_mutex_lock(&swarms->lock);
    struct hunter_progress *list = arena_array(arena, count_orders(swarms) + 1, sizeof *list);
    for (struct order *order = swarms->orders; list != NULL && order != NULL; order = order->next)
    {
        const char *detail = detail_of(order, now_ms);
        if (now_ms - order->written_ms >= all_ms || strcmp(detail, order->written) != 0)
            list[n++] = line_of(arena, order, detail);
    }
    pthread_mutex_unlock(&swarms->lock);
    if (arena_failed(arena))
        return fail(err, E_NO_MEMORY, "no memory for the progress");
    *lines = list;
    *count = n;
    return E_OK;
}

static struct order *order_find(struct swarms *swarms, const char *download_id)
{
    for (struct order *order = swarms->orders; order != NULL; order = order->next)
        if (strcmp(order->download_id.text, download_id) == 0)
            return order;
    return NULL;
}

void swarms_note_written(struct swarms *swarms, const struct hunter_progress *lines, size_t count,
                         const bool *written)
{
    pthread_mutex_lock(&swarms->lock);
    for (size_t i = 0; i < count; i++)
    {
        struct order *order = written[i] ? order_find(swarms, lines[i].guard.download_id) : NULL;
        if (order == NULL)
            continue;
        order->written_ms = clock_mono_ms();
        snprintf(order->written, sizeof order->written, "%s", lines[i].detail);
    }
    pthread_mutex_unlock(&swarms->lock);
}

enum err_code swarms_orders(struct swarms *swarms, struct arena *arena, const char ***download_ids,
                            size_t *count, struct err *err)
{
    size_t n = 0;
    pthread_mutex_lock(&swarms->lock);
    const char **ids = arena_array(arena, count_orders(swarms) + 1, sizeof *ids);
    for (const struct order *order = swarms->orders; ids != NULL && order != NULL; order = order->next)
        ids[n++] = arena_strdup(arena, order->download_id.text);
    pthread_mutex_unlock(&swarms->lock);
    if (arena_failed(arena))
        return fail(err, E_NO_MEMORY, "no memory for the orders");
    *download_ids = ids;
    *count = n;
    return E_OK;
}

void swarms_wish(struct swarms *swarms, const char *download_id, enum order_wish wish)
{
    pthread_mutex_lock(&swarms->lock);
    struct order *order = order_find(swarms, download_id);
    if (order != NULL && order->wish != wish)
    {
        order->wish = wish;
        if (order->swarm != NULL)
            swarm_adjust(swarms, order->swarm);
        pthread_cond_broadcast(&swarms->news);
    }
    pthread_mutex_unlock(&swarms->lock);
}

enum err_code swarms_seeding(struct swarms *swarms, struct arena *arena, const char ***torrent_ids,
                             size_t *count, struct err *err)
{
    size_t n = 0;
    pthread_mutex_lock(&swarms->lock);
    for (const struct swarm *swarm = swarms->list; swarm != NULL; swarm = swarm->next)
        n++;
    const char **ids = arena_array(arena, n + 1, sizeof *ids);
    n = 0;
    for (const struct swarm *swarm = swarms->list; ids != NULL && swarm != NULL; swarm = swarm->next)
        if (swarm->orders == NULL && swarm->state == SWARM_HERE)
            ids[n++] = arena_strdup(arena, swarm->id);
    pthread_mutex_unlock(&swarms->lock);
    if (arena_failed(arena))
        return fail(err, E_NO_MEMORY, "no memory for the seeds");
    *torrent_ids = ids;
    *count = n;
    return E_OK;
}

enum err_code swarms_lost(struct swarms *swarms, struct arena *arena, const char ***torrent_ids,
                          size_t *count, struct err *err)
{
    size_t n = 0;
    pthread_mutex_lock(&swarms->lock);
    for (const struct swarm_lost *lost = swarms->lost; lost != NULL; lost = lost->next)
        n++;
    const char **ids = arena_array(arena, n + 1, sizeof *ids);
    n = 0;
    for (const struct swarm_lost *lost = swarms->lost; ids != NULL && lost != NULL; lost = lost->next)
        ids[n++] = arena_strdup(arena, lost->id);
    pthread_mutex_unlock(&swarms->lock);
    if (arena_failed(arena))
        return fail(err, E_NO_MEMORY, "no memory for what is lost");
    *torrent_ids = ids;
    *count = n;
    return E_OK;
}

void swarms_forget_lost(struct swarms *swarms, const char *torrent_id)
{
    pthread_mutex_lock(&swarms->lock);
    swarm_found(swarms, torrent_id);
    pthread_mutex_unlock(&swarms->lock);
}

void swarm_found(struct swarms *swarms, const char *torrent_id)
{
    struct swarm_lost **at = &swarms->lost;
    while (*at != NULL)
    {
        struct swarm_lost *lost = *at;
        if (torrent_id != NULL && strcmp(lost->id, torrent_id) != 0)
        {
            at = &lost->next;
            continue;
        }
        *at = lost->next;
        free(lost);
    }
}

bool swarms_is_whole(const struct swarms *swarms, const char *torrent_id)
{
    char folder[SWARM_FOLDER_SIZE];
    struct err err = ERR_INIT;
    bool is_whole = false;
    snprintf(folder, sizeof folder, "%s/%s", swarms->config.folder, torrent_id);
    if (engine_is_whole(swarms->config.engine, torrent_id, folder, &is_whole, &err) != E_OK)
        log_warn("torrent_look", "torrent %s: cannot look at its files: %s", torrent_id, err.text);
    return is_whole;
}

void swarms_drop(struct swarms *swarms, const char *torrent_id)
{
    pthread_mutex_lock(&swarms->lock);
    struct swarm *swarm = swarm_find(swarms, torrent_id);
    if (swarm != NULL && swarm->state == SWARM_HERE && swarm->orders == NULL)
        swarm_send_off(swarms, swarm, ENGINE_KEEP_FILES);
    pthread_mutex_unlock(&swarms->lock);
}

/* An entry for the torrent until ENGINE_REMOVED. */
static enum err_code purge_absent(struct swarms *swarms, const char *torrent_id, struct err *err)
{
    char folder[SWARM_FOLDER_SIZE];
    struct swarm *swarm = calloc(1, sizeof *swarm);
    if (swarm == NULL)
        return fail(err, E_NO_MEMORY, "no memory for a torrent");
    snprintf(swarm->id, sizeof swarm->id, "%s", torrent_id);
    snprintf(folder, sizeof folder, "%s/%s", swarms->config.folder, torrent_id);
    swarm->state = SWARM_LEAVING;
    enum err_code code = engine_purge(swarms->config.engine, torrent_id, folder, err);
    if (code != E_OK)
    {
        free(swarm);
        return code;
    }
    swarm->next = swarms->list;
    swarms->list = swarm;
    return E_OK;
}

enum err_code swarms_purge(struct swarms *swarms, const char *torrent_id, struct err *err)
{
    enum err_code code = E_OK;
    pthread_mutex_lock(&swarms->lock);
    struct swarm *swarm = swarm_find(swarms, torrent_id);
    if (swarm == NULL)
        code = purge_absent(swarms, torrent_id, err);
    else if (swarm->orders != NULL || swarm->state != SWARM_HERE)
        code = fail(err, E_UNAVAILABLE, "the torrent is still in use");
    else
        swarm_send_off(swarms, swarm, ENGINE_DELETE_FILES);
    pthread_mutex_unlock(&swarms->lock);
    return code;
}

bool swarms_holds(struct swarms *swarms, const char *torrent_id)
{
    pthread_mutex_lock(&swarms->lock);
    bool holds = swarm_find(swarms, torrent_id) != NULL;
    pthread_mutex_unlock(&swarms->lock);
    return holds;
}

/* ---- for the gauges ------------------------------------------------------------------------- */

static const char *const measured[] = {"preparing", "downloading", "stalled", "seeding", "paused"};

static const char *state_of(const struct swarm *swarm, int64_t now_ms)
{
    static const char *const names[ENGINE_STATE_COUNT] = {
        [ENGINE_PREPARING] = "preparing", [ENGINE_METADATA_WAIT] = "downloading",
        [ENGINE_CHECKING] = "preparing",  [ENGINE_DOWNLOADING] = "downloading",
        [ENGINE_SEEDING] = "seeding",     [ENGINE_PAUSED] = "paused"};
    const char *name = swarm->is_paused ? "paused" : names[swarm->stat.state];
    const bool quiet = now_ms - swarm->moved_ms >= PROGRESS_QUIET_MS;
    return quiet && strcmp(name, "downloading") == 0 ? "stalled" : name;
}

void swarms_measure(struct swarms *swarms)
{
    double counts[sizeof measured / sizeof measured[0]] = {0};
    double down = 0;
    double up = 0;
    const int64_t now_ms = clock_mono_ms();
    pthread_mutex_lock(&swarms->lock);
    for (const struct swarm *swarm = swarms->list; swarm != NULL; swarm = swarm->next)
    {
        const char *name = swarm->state == SWARM_HERE ? state_of(swarm, now_ms) : "";
        for (size_t i = 0; i < sizeof measured / sizeof measured[0]; i++)
            counts[i] += strcmp(name, measured[i]) == 0;
        down += swarm->stat.down_bytes_s;
        up += swarm->stat.up_bytes_s;
    }
    pthread_mutex_unlock(&swarms->lock);
    for (size_t i = 0; i < sizeof measured / sizeof measured[0]; i++)
        metrics_set_of(METRIC_TORRENTS, (const char *[]){measured[i]}, counts[i]);
    metrics_set(METRIC_TORRENT_DOWN, down);
    metrics_set(METRIC_TORRENT_UP, up);
}
