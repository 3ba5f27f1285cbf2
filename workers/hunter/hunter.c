/* SPDX-License-Identifier: Apache-2.0 */
#include "workers/hunter/hunter.h"

#include "common/base/clock.h"
#include "common/base/folder.h"
#include "common/base/log.h"
#include "common/http/http.h"
#include "common/otlp/otlp.h"
#include "common/store/schema.h"
#include "workers/hunter/ledger.h"
#include "workers/hunter/listen.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum
{
    POLL_MS = 500,
    CLOSE_MS = 8000,
    CONNECT_MS = 3000,
    STATEMENT_MS = 10000,
    STATE_DIR_SIZE = HUNTER_FOLDER_SIZE + 8,
    LISTEN_SIZE = 80
};

static bool is_stopping(struct hunter *hunter)
{
    pthread_mutex_lock(&hunter->lock);
    bool stopping = hunter->stopping;
    pthread_mutex_unlock(&hunter->lock);
    return stopping;
}

bool hunter_rest(struct hunter *hunter, int64_t wait_ms)
{
    struct timespec until = clock_mono_after_ms(wait_ms);
    int code = 0;
    pthread_mutex_lock(&hunter->lock);
    while (!hunter->stopping && code != ETIMEDOUT)
        code = pthread_cond_timedwait(&hunter->news, &hunter->lock, &until);
    bool goes_on = !hunter->stopping;
    pthread_mutex_unlock(&hunter->lock);
    return goes_on;
}

static void *own_engine(void *of)
{
    struct hunter *hunter = of;
    while (!is_stopping(hunter))
        swarms_poll(hunter->swarms, POLL_MS);
    return NULL;
}

/* ---- opening -------------------------------------------------------------------------------- */

static enum err_code open_folder(struct hunter *hunter, struct err *err)
{
    const char *path = hunter->conf->download_dir;
    char full[PATH_MAX];
    if (mkdir(path, 0755) != 0 && errno != EEXIST)
        return fail(err, E_CONFIG, "DOWNLOAD_DIR: cannot make %.100s: %s", path, strerror(errno));
    const enum folder_state state = folder_look(path);
    if (state != FOLDER_FINE || realpath(path, full) == NULL)
        return fail(err, E_CONFIG, "DOWNLOAD_DIR: %.100s %s", path, folder_words(state));
    log_info("check", "folders: %s can be read and written, %.1f GiB are free", path, folder_free_gib(path));
    if (strlen(full) >= sizeof hunter->folder)
        return fail(err, E_CONFIG, "DOWNLOAD_DIR: the path is too long");
    memcpy(hunter->folder, full, strlen(full) + 1);
    return E_OK;
}

static enum err_code open_engine(struct hunter *hunter, struct err *err)
{
    const struct conf *conf = hunter->conf;
    const struct conf_listen *at = &conf->torrent_listen;
    char state_dir[STATE_DIR_SIZE];
    char listen[LISTEN_SIZE];
    snprintf(state_dir, sizeof state_dir, "%s/.state", hunter->folder);
    snprintf(listen, sizeof listen, strchr(at->host, ':') != NULL ? "[%s]:%u" : "%s:%u", at->host,
             (unsigned)at->port);
    const struct engine_config config = {
        .listen = listen,
        .state_dir = state_dir,
        .find =
            conf->torrent_dht ? ENGINE_FIND_DHT | ENGINE_FIND_LSD | ENGINE_MAP_UPNP | ENGINE_MAP_NATPMP : 0,
        .reserve_bytes = (uint64_t)conf->disk_reserve_mb << 20,
        .reach = conf->torrent_allow_private ? ENGINE_REACH_ANY : ENGINE_REACH_PUBLIC,
        .down_limit_bytes_s = (uint32_t)(conf->torrent_down_limit_kbps < UINT32_MAX / 1024
                                             ? conf->torrent_down_limit_kbps * 1024
                                             : UINT32_MAX)};
    return engine_open(&config, &hunter->engine, err);
}

static enum err_code open_swarms(struct hunter *hunter, struct err *err)
{
    const struct conf *conf = hunter->conf;
    const struct swarms_config config = {
        .engine = hunter->engine,
        .folder = hunter->folder,
        .seed_limits = {.ratio_permille = (uint32_t)lround(conf->seed_ratio * 1000),
                        .seeding_s = conf->seed_hours * 3600},
        .seeding = conf->seed_hours > 0 ? SWARMS_SEED : SWARMS_SEED_NEVER};
    hunter->swarms = swarms_new(&config);
    return hunter->swarms != NULL ? E_OK : fail(err, E_NO_MEMORY, "out of memory");
}

/* The ledger's statements are not waited for when the program leaves. */
static bool leaves(void *hunter)
{
    return is_stopping(hunter);
}

static enum err_code open_pool(struct hunter *hunter, struct err *err)
{
    const struct db_pool_config config = {.url = hunter->conf->database_url,
                                          .name = "sokoul-hunter-ledger",
                                          .size = 1,
                                          .statement_ms = STATEMENT_MS,
                                          .connect_ms = CONNECT_MS,
                                          .check = schema_check,
                                          .away = leaves,
                                          .away_of = hunter};
    return db_pool_open(&config, &hunter->pool, err);
}

static enum err_code start_threads(struct hunter *hunter, struct err *err)
{
    if (pthread_create(&hunter->owner, NULL, own_engine, hunter) != 0)
        return fail(err, E_NO_MEMORY, "cannot start a thread");
    hunter->threads = 1;
    if (pthread_create(&hunter->ledger, NULL, ledger_run, hunter) != 0)
        return fail(err, E_NO_MEMORY, "cannot start a thread");
    hunter->threads = 2;
    return E_OK;
}

static struct hunter *make(const struct conf *conf)
{
    struct hunter *hunter = calloc(1, sizeof *hunter);
    pthread_condattr_t monotonic;
    if (hunter == NULL)
        return NULL;
    hunter->conf = conf;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&hunter->lock, NULL);
    pthread_cond_init(&hunter->news, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return hunter;
}

enum err_code hunter_open(const struct program_doors *doors, void **context, struct err *err)
{
    struct hunter *hunter = make(doors->conf);
    if (hunter == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    *context = hunter; /* closed by the program, also after a failure */
    enum err_code code = http_open(err);
    if (code == E_OK)
        code = otlp_start(hunter->conf->otel_exporter_otlp_endpoint, "sokoul-hunter", &hunter->otlp, err);
    if (code == E_OK)
        code = open_folder(hunter, err);
    if (code == E_OK)
        code = listen_try(&hunter->conf->torrent_listen, err);
    if (code == E_OK)
        code = open_engine(hunter, err);
    if (code == E_OK)
        code = open_swarms(hunter, err);
    if (code == E_OK)
        code = open_pool(hunter, err);
    if (code == E_OK)
        code = start_threads(hunter, err);
    if (code == E_OK)
        log_info("engine", "listening for BitTorrent peers on port %u",
                 (unsigned)engine_port(hunter->engine));
    return code;
}

void hunter_take(void *context, const struct conf *now)
{
    struct hunter *hunter = context;
    atomic_store(&hunter->conf, now);
}

/* ---- closing -------------------------------------------------------------------------------- */

void hunter_close(void *context)
{
    struct hunter *hunter = context;
    pthread_mutex_lock(&hunter->lock);
    hunter->stopping = true;
    pthread_cond_broadcast(&hunter->news);
    pthread_mutex_unlock(&hunter->lock);
    if (hunter->threads > 0)
    {
        engine_wake(hunter->engine);
        pthread_join(hunter->owner, NULL);
    }
    if (hunter->threads > 1)
        pthread_join(hunter->ledger, NULL);
    if (hunter->pool != NULL)
        db_pool_close(hunter->pool);
    engine_close(hunter->engine, CLOSE_MS);
    swarms_free(hunter->swarms);
    otlp_stop(hunter->otlp);
    http_close();
    pthread_cond_destroy(&hunter->news);
    pthread_mutex_destroy(&hunter->lock);
    free(hunter);
}
