/* SPDX-License-Identifier: Apache-2.0 */
#include "workers/hunter/ledger.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/obs/metrics.h"
#include "workers/hunter/hunter.h"
#include "workers/hunter/places.h"

#include <string.h>
#include <sys/statvfs.h>

enum
{
    TICK_MS = 600,
    TELL_MS = 3500, /* looked at each tick: 3.5 to 4.1 s apart */
    TIDY_MS = 5000,
    ARENA_BYTES = 8 << 20,
    SOURCE_BYTES = 96 << 20 /* a .torrent on its way from Postgres */
};

struct ledger
{
    struct hunter *hunter;
    struct arena *arena;
    struct db *db;
    int64_t tidied_ms;
    bool is_reseeded;
    bool is_away;
};

static void measure(struct hunter *hunter)
{
    struct statvfs disk;
    if (statvfs(hunter->folder, &disk) == 0)
    {
        metrics_set(METRIC_DISK_FREE, (double)disk.f_bavail * (double)disk.f_frsize);
        metrics_set(METRIC_DISK_SIZE, (double)disk.f_blocks * (double)disk.f_frsize);
    }
    swarms_measure(hunter->swarms);
}

/* ---- what is wanted ------------------------------------------------------------------------- */

static enum order_wish wish_of(const char *wanted)
{
    static const struct
    {
        const char *wanted;
        enum order_wish wish;
    } rows[] = {{"run", ORDER_RUN}, {"pause", ORDER_PAUSE}};
    for (size_t i = 0; wanted != NULL && i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(wanted, rows[i].wanted) == 0)
            return rows[i].wish;
    return ORDER_END;
}

static enum err_code read_wishes(struct ledger *ledger, struct err *err)
{
    struct swarms *swarms = ledger->hunter->swarms;
    const char **ids = NULL;
    size_t n = 0;
    enum err_code code = swarms_orders(swarms, ledger->arena, &ids, &n, err);
    const char **wanted = arena_array(ledger->arena, n + 1, sizeof *wanted);
    if (code != E_OK || n == 0)
        return code;
    if (wanted == NULL)
        return fail(err, E_NO_MEMORY, "no memory for what is wanted");
    code = hunter_store_wanted(ledger->db, ledger->arena, ids, n, wanted, err);
    for (size_t i = 0; code == E_OK && i < n; i++)
        swarms_wish(swarms, ids[i], wish_of(wanted[i]));
    return code;
}

/* ---- how far it is -------------------------------------------------------------------------- */

static enum err_code tell(struct ledger *ledger, struct err *err)
{
    struct swarms *swarms = ledger->hunter->swarms;
    struct hunter_progress *lines = NULL;
    size_t n = 0;
    enum err_code code = swarms_lines(swarms, ledger->arena, TELL_MS, &lines, &n, err);
    bool *written = arena_array(ledger->arena, n + 1, sizeof *written);
    if (code != E_OK || n == 0)
        return code;
    if (written == NULL)
        return fail(err, E_NO_MEMORY, "no memory for the progress");
    code = hunter_store_progress(ledger->db, ledger->arena, lines, n, written, err);
    if (code == E_OK)
        swarms_note_written(swarms, lines, n, written);
    return code;
}

/* ---- room on the disk ----------------------------------------------------------------------- */

static enum err_code promise(struct ledger *ledger, struct err *err)
{
    struct hunter_promise *known = NULL;
    size_t n = 0;
    enum err_code code = hunter_store_promises(ledger->db, ledger->arena, &known, &n, err);
    if (code != E_OK)
        return code;
    struct engine_promise *promises = arena_array(ledger->arena, n + 1, sizeof *promises);
    if (promises == NULL)
        return fail(err, E_NO_MEMORY, "no memory for what is promised");
    for (size_t i = 0; i < n; i++)
        promises[i] = (struct engine_promise){known[i].torrent_id, (uint64_t)known[i].left_bytes};
    engine_set_promised(ledger->hunter->engine, promises, n);
    return E_OK;
}

/* ---- seeds ---------------------------------------------------------------------------------- */

static enum err_code drop_unwanted(struct ledger *ledger, struct err *err)
{
    struct swarms *swarms = ledger->hunter->swarms;
    const char **ids = NULL;
    const char **unwanted = NULL;
    size_t n = 0;
    size_t drops = 0;
    enum err_code code = swarms_seeding(swarms, ledger->arena, &ids, &n, err);
    if (code != E_OK || n == 0)
        return code;
    code = hunter_store_unwanted(ledger->db, ledger->arena, ids, n, &unwanted, &drops, err);
    for (size_t i = 0; code == E_OK && i < drops; i++)
        swarms_drop(swarms, unwanted[i]);
    return code;
}

/* Writes to the downloads that their files are gone; they are not fetched again unless somebody asks. */
static enum err_code tell_lost(struct ledger *ledger, struct err *err)
{
    struct swarms *swarms = ledger->hunter->swarms;
    const char **ids = NULL;
    size_t n = 0;
    enum err_code code = swarms_lost(swarms, ledger->arena, &ids, &n, err);
    for (size_t i = 0; code == E_OK && i < n; i++)
    {
        code = hunter_store_lose(ledger->db, ids[i], ledger->hunter->conf->node_name, err);
        if (code == E_OK)
            swarms_forget_lost(swarms, ids[i]);
    }
    return code;
}

static void seed(struct ledger *ledger, struct arena *arena, const struct hunter_seed *seed)
{
    struct torrent_source source = {0};
    struct err err = ERR_INIT;
    enum err_code code = torrent_store_source(ledger->db, arena, seed->torrent_id, NULL, &source, &err);
    source.links = seed->links;
    if (code == E_OK)
        code = swarms_seed(ledger->hunter->swarms, &source, seed->files, &err);
    if (code != E_OK)
        log_debug("seed", "torrent %s is not seeded: %s", seed->torrent_id, err.text);
}

static enum err_code reseed(struct ledger *ledger, struct err *err)
{
    const struct conf *conf = ledger->hunter->conf;
    struct hunter_seed *seeds = NULL;
    size_t n = 0;
    if (conf->seed_hours == 0)
        return E_OK;
    enum err_code code =
        hunter_store_seeds(ledger->db, ledger->arena, conf->node_name, conf->seed_hours, &seeds, &n, err);
    struct arena *arena = code == E_OK ? arena_new(SOURCE_BYTES) : NULL;
    for (size_t i = 0; arena != NULL && i < n && hunter_rest(ledger->hunter, 0); i++)
    {
        seed(ledger, arena, &seeds[i]);
        arena_reset(arena);
    }
    arena_free(arena);
    return code;
}

static enum err_code tidy(struct ledger *ledger, struct err *err)
{
    if (clock_mono_ms() - ledger->tidied_ms < TIDY_MS)
        return E_OK;
    ledger->tidied_ms = clock_mono_ms();
    enum err_code code = places_announce(ledger->hunter, ledger->db, ledger->arena, err);
    if (code != E_OK)
        return code;
    if (!ledger->is_reseeded)
    {
        code = reseed(ledger, err);
        if (code != E_OK)
            return code;
        ledger->is_reseeded = true;
    }
    return drop_unwanted(ledger, err);
}

/* ---- the thread ----------------------------------------------------------------------------- */

static enum err_code tick(struct ledger *ledger, struct err *err)
{
    enum err_code code = db_get(ledger->hunter->pool, &ledger->db, err);
    if (code != E_OK)
        return code;
    code = read_wishes(ledger, err);
    if (code == E_OK)
        code = tell(ledger, err);
    if (code == E_OK)
        code = promise(ledger, err);
    if (code == E_OK)
        code = places_share(ledger->hunter, ledger->db, err);
    if (code == E_OK)
        code = tell_lost(ledger, err);
    if (code == E_OK)
        code = tidy(ledger, err);
    db_put(ledger->db);
    return code;
}

static void note(struct ledger *ledger, enum err_code code, const struct err *err)
{
    bool away = code != E_OK;
    if (away && !ledger->is_away && code != E_DATABASE && code != E_TIMEOUT) /* health reports these */
        log_warn("ledger", "cannot tell the database how far downloads are: %s", err->text);
    if (!away && ledger->is_away)
        log_info("ledger", "progress is written to the database again");
    ledger->is_away = away;
}

void *ledger_run(void *of)
{
    struct ledger ledger = {.hunter = of, .arena = arena_new(ARENA_BYTES)};
    int64_t measured_ms = -TIDY_MS;
    ledger.tidied_ms = -TIDY_MS;
    while (ledger.arena != NULL)
    {
        struct err err = ERR_INIT;
        if (clock_mono_ms() - measured_ms >= TIDY_MS)
        {
            measured_ms = clock_mono_ms();
            measure(ledger.hunter);
        }
        note(&ledger, tick(&ledger, &err), &err);
        arena_reset(ledger.arena);
        if (!hunter_rest(ledger.hunter, TICK_MS))
            break;
    }
    arena_free(ledger.arena);
    return NULL;
}
