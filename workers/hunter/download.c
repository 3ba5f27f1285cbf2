/* SPDX-License-Identifier: Apache-2.0 */
#include "workers/hunter/download.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "workers/hunter/hunt.h"
#include "workers/hunter/quota.h"
#include "workers/hunter/source.h"
#include "workers/hunter/tries.h"
#include "workers/hunter/turn.h"

#include <stdio.h>
#include <string.h>

enum
{
    LOOK_MS = 200,         /* between looks, when nothing happens */
    LEAVE_WAIT_MS = 10000, /* for a torrent that an earlier job of this process still has */
    LOCK_WAIT_MS = 2000,   /* for one that another process holds, before the job goes back to wait */
    LOCK_AGAIN_S = 5,
    CLEAN_WAIT_MS = 5000 /* for the files of a download that failed to be gone */
};

#define WAITS_FOR_TORRENT "Waiting for the torrent to be free"

struct payload
{
    const char *download_id;
    const char *media_id;
    const char *magnet;
    const char *torrent_id;
    const char *release_id;
};

static const struct json_field fields[] = {
    {.name = "download_id", .type = JSON_ID, .at = offsetof(struct payload, download_id)},
    {.name = "media_id", .type = JSON_ID, .need = JSON_REQUIRED, .at = offsetof(struct payload, media_id)},
    {.name = "magnet", .type = JSON_TEXT, .at = offsetof(struct payload, magnet), .min = 1, .max = 16384},
    {.name = "torrent_id", .type = JSON_ID, .at = offsetof(struct payload, torrent_id)},
    {.name = "release_id", .type = JSON_ID, .at = offsetof(struct payload, release_id)},
};

/* ---- beginning ------------------------------------------------------------------------------ */

static enum err_code read_payload(struct job *job, struct payload *payload, struct err *err)
{
    const struct json *given = job_payload(job);
    if (!json_is_object(given))
        return fail(err, E_INVALID, "the payload is no object");
    enum err_code code =
        json_read(job_arena(job), given, fields, sizeof fields / sizeof fields[0], payload, NULL, err);
    if (payload->download_id == NULL) /* the job was injected without a download */
        payload->download_id = job_id(job);
    return code;
}

static enum err_code take(struct hunt *hunt, const struct payload *payload, struct err *err)
{
    struct db *db = NULL;
    enum err_code code = job_db(hunt->job, &db, err);
    if (code == E_OK)
        code = hunter_store_take(db, job_arena(hunt->job), &hunt->guard, payload->media_id,
                                 hunt->hunter->conf->node_name, &hunt->download, err);
    db_put(db);
    return code;
}

static void make_order(struct hunt *hunt)
{
    struct order *order = &hunt->order;
    (void)id_parse(job_id(hunt->job), &order->job_id);
    (void)id_parse(hunt->guard.download_id, &order->download_id);
    (void)id_parse(job_user(hunt->job), &order->user_id);
    order->fence = hunt->guard.fence;
    order->files = hunt->download.files;
    order->wish = strcmp(hunt->download.wanted, "run") == 0     ? ORDER_RUN
                  : strcmp(hunt->download.wanted, "pause") == 0 ? ORDER_PAUSE
                                                                : ORDER_END;
    order->doing = "Preparing";
    order->patience_ms = turn_patience_ms(hunt);
}

static bool same(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* ---- finding and joining -------------------------------------------------------------------- */

/* The payload's torrent or magnet counts for the first release, not for those that are tried after it. */
static struct source_ask ask_of(const struct hunt *hunt, const struct payload *payload)
{
    bool is_first = same(payload->release_id, hunt->download.release_id);
    const char *known = hunt->download.torrent_id;
    return (struct source_ask){.user_id = hunt->download.user_id,
                               .torrent_id = known != NULL ? known
                                             : is_first    ? payload->torrent_id
                                                           : NULL,
                               .magnet = is_first ? payload->magnet : NULL,
                               .release_id = hunt->download.release_id,
                               .media_id = hunt->download.media_id};
}

static enum err_code bind_torrent(struct hunt *hunt, const struct torrent_source *source, struct err *err)
{
    struct arena *arena = job_arena(hunt->job);
    struct db *db = NULL;
    hunt->source = (struct torrent_source){.id = arena_strdup(arena, source->id),
                                           .info_hash_v1 = arena_strdup(arena, source->info_hash_v1),
                                           .info_hash_v2 = arena_strdup(arena, source->info_hash_v2)};
    hunt->download.torrent_id = hunt->source.id;
    hunt->order.links = arena_strdup(arena, source->links);
    if (arena_failed(arena))
        return fail(err, E_NO_MEMORY, "no memory for a torrent");
    enum err_code code = job_db(hunt->job, &db, err);
    if (code == E_OK)
        code = hunter_store_bind(db, arena, &hunt->guard, source->id, hunt->hunter->conf->node_name, err);
    db_put(db);
    return code;
}

/* The hunter that has the torrent may have completed it already; the disk is the same one, so it is checked
 * here. */
static enum err_code share(struct hunt *hunt, struct err *err)
{
    const char *result = NULL;
    struct db *db = NULL;
    if (!swarms_is_whole(hunt->hunter->swarms, hunt->source.id))
        return fail(err, E_CONFLICT, "another hunter holds the torrent");
    enum err_code code = job_db(hunt->job, &db, err);
    if (code == E_OK)
        code = hunter_store_share(db, job_arena(hunt->job), &hunt->guard, &result, err);
    db_put(db);
    if (code != E_OK)
        return code;
    if (result == NULL)
        return fail(err, E_CONFLICT, "another hunter holds the torrent");
    hunt->is_shared = true;
    return hunt_keep(hunt, result, err);
}

static enum err_code try_join(struct hunt *hunt, const struct torrent_source *source, struct err *err)
{
    enum err_code code = swarm_join(hunt->hunter->swarms, &hunt->order, source, err);
    return code == E_CONFLICT ? share(hunt, err) : code;
}

static bool is_held(enum err_code code, int64_t waited_ms)
{
    return (code == E_CONFLICT && waited_ms < LOCK_WAIT_MS) ||
           (code == E_UNAVAILABLE && waited_ms < LEAVE_WAIT_MS);
}

/* Another process may have locked the torrent, or this one may be about to release it. */
static enum err_code join(struct hunt *hunt, const struct torrent_source *source, struct err *err)
{
    const int64_t began_ms = clock_mono_ms();
    enum err_code code = try_join(hunt, source, err);
    while (is_held(code, clock_mono_ms() - began_ms))
    {
        order_doing(hunt->hunter->swarms, &hunt->order, WAITS_FOR_TORRENT);
        code = job_wait(hunt->job, LOOK_MS, err);
        if (code == E_OK)
            code = try_join(hunt, source, err);
    }
    if (code != E_CONFLICT)
        return code;
    code = fail(err, E_WAITING, WAITS_FOR_TORRENT);
    err->retry_after_s = LOCK_AGAIN_S;
    return code;
}

static enum err_code start(struct hunt *hunt, const struct payload *payload, struct err *err)
{
    struct arena *arena = arena_new(SOURCE_ARENA_BYTES);
    struct torrent_source source = {0};
    const struct source_ask ask = ask_of(hunt, payload);
    if (arena == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    hunt->source = (struct torrent_source){0};
    if (hunt->moved_on)
        hunt->quiet_before_ms = 0;
    hunt->moved_on = false;
    hunt->is_described = false;
    order_doing(hunt->hunter->swarms, &hunt->order, "Looking for the torrent");
    enum err_code code = source_find(hunt->job, arena, &ask, &source, err);
    if (code == E_OK)
        code = bind_torrent(hunt, &source, err);
    if (code == E_OK)
        code = join(hunt, &source, err);
    arena_free(arena);
    return tries_leave_dead_end(hunt, code, err);
}

/* ---- waiting -------------------------------------------------------------------------------- */

/* Nothing arrives: tries another release, and gives up when there is none. */
static enum err_code judge_quiet(struct hunt *hunt, const struct swarm_view *view, struct err *err)
{
    const struct conf *conf = hunt->hunter->conf;
    char why[100];
    bool is_busy = view->stat.state == ENGINE_PREPARING || view->stat.state == ENGINE_CHECKING;
    bool may_move = !hunt->is_last && hunt->download.release_id != NULL;
    int64_t quiet_ms = turn_quiet_ms(hunt, view);
    if (is_busy || view->wish == ORDER_PAUSE)
        return E_OK;
    snprintf(why, sizeof why, "%s for %lld s",
             view->fault == ENGINE_FAULT_TRACKER || view->fault == ENGINE_FAULT_DNS
                 ? "No tracker answered and nothing arrived"
                 : "Nothing arrived",
             (long long)quiet_ms / 1000);
    if (may_move && quiet_ms >= (int64_t)conf->torrent_stall_s * 1000)
        return tries_move_on(hunt, "stalled", why, err);
    if (quiet_ms < (int64_t)conf->torrent_give_up_s * 1000)
        return E_OK;
    tries_note_last(hunt, "stalled", why);
    return fail(err, E_STALLED, "%s; given up", why);
}

static enum err_code judge(struct hunt *hunt, const struct swarm_view *view, struct err *err)
{
    if (job_should_stop(hunt->job))
        return job_stop_reason(hunt->job, err);
    if (view->wish == ORDER_END)
        return fail(err, E_CANCELLED, "The download is no longer wanted");
    if (view->code != E_OK)
        return tries_leave_dead_end(hunt, fail(err, view->code, "%s", view->text), err);
    if (view->fault == ENGINE_FAULT_DISK_FULL)
        return fail(err, E_DISK_FULL, ENGINE_TEXT_DISK_FULL);
    if (view->fault == ENGINE_FAULT_IO)
        return fail(err, E_UNAVAILABLE, "%s", view->text);
    if (view->is_complete)
        return E_OK;
    enum err_code code = judge_quiet(hunt, view, err);
    return code == E_OK && view->yields && !hunt->moved_on ? turn_over(hunt, view, err) : code;
}

/* Writes name and files as soon as they are known; while the database is away it is tried again later. */
static enum err_code describe(struct hunt *hunt, const struct swarm_view *view, struct err *err)
{
    if (hunt->is_described || !view->is_known)
        return E_OK;
    enum err_code code = hunt_describe(hunt, view, err);
    if (code == E_OK)
        code = quota_check(hunt, err);
    hunt->is_described = code == E_OK;
    if (code == E_LOST || code == E_REFUSED)
        return code;
    return code == E_OK ? E_OK : job_wait(hunt->job, LOOK_MS, err);
}

/* Waits until the download is complete, has to end, or has moved on to another release. */
static enum err_code watch(struct hunt *hunt, struct err *err)
{
    struct swarms *swarms = hunt->hunter->swarms;
    struct swarm_view view;
    while (true)
    {
        swarm_look(swarms, &hunt->order, &view);
        enum err_code code = judge(hunt, &view, err);
        if (code != E_OK || hunt->moved_on)
            return code;
        code = describe(hunt, &view, err);
        if (code != E_OK || hunt->moved_on)
            return code;
        if (view.is_complete && hunt->is_described)
            return hunt_complete(hunt, &view, err);
        swarms_wait(swarms, LOOK_MS);
    }
}

/* ---- leaving -------------------------------------------------------------------------------- */

/* Files that somebody else has completed are not ours to delete. */
static enum swarm_fate fate_of_files(struct hunt *hunt)
{
    bool kept = true;
    struct db *db = NULL;
    struct err err = ERR_INIT;
    enum err_code code = job_db(hunt->job, &db, &err);
    if (code == E_OK)
        code = hunter_store_is_kept(db, hunt->source.id, hunt->guard.download_id, &kept, &err);
    db_put(db);
    return code == E_OK && !kept ? SWARM_DELETE : SWARM_DROP;
}

static enum swarm_fate fate(struct hunt *hunt, enum err_code code)
{
    if (code == E_OK && !hunt->moved_on)
        return SWARM_SEED;
    if (code == E_SHUTDOWN)
        return SWARM_STAY;
    bool is_junk = code == E_DISK_FULL || code == E_REFUSED || hunt->moved_on;
    return is_junk ? fate_of_files(hunt) : SWARM_DROP;
}

/* A torrent that the engine has thrown out leaves a folder and a lock file. */
static void sweep_up(struct hunt *hunt)
{
    struct swarms *swarms = hunt->hunter->swarms;
    struct err err = ERR_INIT;
    if (!swarms_holds(swarms, hunt->source.id) && swarms_purge(swarms, hunt->source.id, &err) != E_OK)
        log_warn("torrent_purge", "torrent %s: %s", hunt->source.id, err.text);
    for (int64_t until_ms = clock_mono_ms() + CLEAN_WAIT_MS;
         swarms_holds(swarms, hunt->source.id) && clock_mono_ms() < until_ms;)
        swarms_wait(swarms, LOOK_MS);
}

/* The job fails only after the files are gone, so that the disk is free by then. */
static void leave(struct hunt *hunt, enum err_code code)
{
    if (hunt->source.id == NULL)
        return;
    enum swarm_fate files = fate(hunt, code);
    if (hunt->order.swarm != NULL)
        swarm_leave(hunt->hunter->swarms, &hunt->order, files);
    if (files == SWARM_DELETE && code != E_OK)
        sweep_up(hunt);
}

enum err_code download_run(struct job *job, struct err *err)
{
    struct payload payload = {0};
    struct hunt hunt = {.job = job, .hunter = job_context(job), .began_ms = clock_mono_ms()};
    enum err_code code = read_payload(job, &payload, err);
    if (code != E_OK)
        return code;
    hunt.guard = (struct hunter_guard){job_id(job), job_fence(job), payload.download_id};
    code = take(&hunt, &payload, err);
    if (code != E_OK)
        return code;
    turn_begin(&hunt);
    make_order(&hunt);
    order_begin(hunt.hunter->swarms, &hunt.order);
    do
    {
        code = start(&hunt, &payload, err);
        if (code == E_OK && !hunt.is_shared && !hunt.moved_on)
            code = watch(&hunt, err);
        leave(&hunt, code);
    } while (code == E_OK && hunt.moved_on);
    order_end(hunt.hunter->swarms, &hunt.order);
    return code;
}
