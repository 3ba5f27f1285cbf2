/* SPDX-License-Identifier: Apache-2.0 */
#include "common/probe/probes.h"

#include "common/base/clock.h"
#include "common/cache/cache.h"
#include "common/conf/conf.h"
#include "common/db/db.h"
#include "common/mq/mq.h"
#include "common/obs/health.h"
#include "common/obs/metrics.h"
#include "common/store/checkup.h"
#include "common/store/probe.h"
#include "common/store/schema.h"

#include <stdio.h>
#include <stdlib.h>

enum
{
    PROBE_MS = 1500,
    DISK_MS = 5000, /* how often the disk is written to */
    NAME_SIZE = 64
};

struct probes
{
    struct db_pool *pool;
    int64_t disk_at_ms; /* when it was written to last */
    struct err disk;    /* the result */
    struct cache *cache;
    struct mq *mq;
};

static enum err_code ask_disk(struct probes *probes, struct db *db, struct err *err)
{
    int64_t now_ms = clock_mono_ms();
    if (probes->disk_at_ms == 0 || now_ms - probes->disk_at_ms >= DISK_MS)
    {
        probes->disk_at_ms = now_ms;
        probes->disk = (struct err)ERR_INIT;
        if (probe_disk(db, &probes->disk) == E_OK)
            probes->disk.code = E_OK;
    }
    *err = probes->disk;
    return err->code;
}

static enum err_code ask_database(void *of, struct err *err)
{
    struct probes *probes = of;
    struct db *db;
    if (db_get(probes->pool, &db, err) != E_OK)
        return err->code;
    enum err_code code = probe_database(db, err);
    if (code == E_OK)
        code = schema_check(db, err);
    if (code == E_OK)
        code = ask_disk(probes, db, err);
    db_put(db);
    return code;
}

static enum err_code ask_redis(void *of, struct err *err)
{
    struct probes *probes = of;
    int64_t latency_us;
    return cache_ping(probes->cache, &latency_us, err);
}

static enum err_code ask_nats(void *of, struct err *err)
{
    struct probes *probes = of;
    return mq_ping(probes->mq, PROBE_MS, err);
}

static double read_nats_up(void *of)
{
    return health_up(of, HEALTH_NATS);
}

enum err_code probes_open(const struct conf *conf, const char *service, struct mq *mq, struct health *health,
                          struct probes **out, struct err *err)
{
    struct probes *probes = calloc(1, sizeof *probes);
    if (probes == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "%.48s" CHECKUP_SUFFIX, service);
    probes->mq = mq;
    const struct db_pool_config config = {.url = conf->database_url,
                                          .name = name,
                                          .size = 1,
                                          .get_wait_ms = PROBE_MS,
                                          .statement_ms = PROBE_MS,
                                          .connect_ms = PROBE_MS};
    if (db_pool_open(&config, &probes->pool, err) != E_OK ||
        cache_open(conf->redis_url, &probes->cache, err) != E_OK)
    {
        probes_close(probes);
        return err->code;
    }
    health_watch(health, HEALTH_DATABASE, ask_database, probes);
    health_watch(health, HEALTH_REDIS, ask_redis, probes);
    health_watch(health, HEALTH_NATS, ask_nats, probes);
    metrics_read(METRIC_NATS_UP, read_nats_up, health);
    *out = probes;
    return E_OK;
}

void probes_close(struct probes *probes)
{
    if (probes == NULL)
        return;
    metrics_read(METRIC_NATS_UP, NULL, NULL);
    cache_close(probes->cache);
    db_pool_close(probes->pool);
    free(probes);
}
