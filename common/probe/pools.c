/* SPDX-License-Identifier: Apache-2.0 */
#include "common/probe/pools.h"

#include "common/db/db.h"
#include "common/obs/metrics.h"

static struct db_pool_stats sum_of(const struct pools *pools)
{
    struct db_pool_stats sum = db_pool_stats(pools->first);
    const struct db_pool_stats more = db_pool_stats(pools->second);
    sum.size += more.size;
    sum.in_use += more.in_use;
    sum.waits += more.waits;
    sum.exhausted += more.exhausted;
    return sum;
}

static double read_in_use(void *of)
{
    return sum_of(of).in_use;
}

static double read_size(void *of)
{
    return sum_of(of).size;
}

static double read_waits(void *of)
{
    return (double)sum_of(of).waits;
}

static double read_exhausted(void *of)
{
    return (double)sum_of(of).exhausted;
}

static const struct
{
    enum metric metric;
    double (*read)(void *of);
} readings[] = {{METRIC_DB_CONNECTIONS, read_in_use},
                {METRIC_DB_POOL_SIZE, read_size},
                {METRIC_DB_WAITS, read_waits},
                {METRIC_DB_EXHAUSTED, read_exhausted}};

void pools_show(struct pools *pools)
{
    for (size_t i = 0; i < sizeof readings / sizeof readings[0]; i++)
        metrics_read(readings[i].metric, readings[i].read, pools);
}

void pools_hide(void)
{
    for (size_t i = 0; i < sizeof readings / sizeof readings[0]; i++)
        metrics_read(readings[i].metric, NULL, NULL);
}
