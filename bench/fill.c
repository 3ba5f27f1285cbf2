/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fill: accepts jobs in bulk, the way every program does, and tells the relays once per batch.
 *
 *   --url DATABASE_URL --count N [--batch 1000] [--payload JSON] [--later S] [--worker NAME]
 *
 * Prints {"jobs","seconds","rate"}.
 */
#include "bench/option.h"
#include "common/base/clock.h"
#include "common/base/id.h"
#include "common/base/log.h"
#include "common/db/db.h"
#include "common/store/jobs.h"

#include <stdio.h>
#include <stdlib.h>

static void accept_some(struct db *db, struct arena *arena, const struct job_new *like, size_t n)
{
    struct err err = ERR_INIT;
    struct job_new *jobs = arena_array(arena, n, sizeof *jobs);
    struct id *ids = arena_array(arena, n, sizeof *ids);
    if (jobs == NULL || ids == NULL)
        give_up("out of memory");
    for (size_t i = 0; i < n; i++)
    {
        ids[i] = id_new();
        jobs[i] = *like;
        jobs[i].job_id = ids[i].text;
    }
    must(job_store_accept_telling(db, arena, jobs, n, &err), &err);
    arena_reset(arena);
}

int main(int argc, char **argv)
{
    const struct options options = {argc, argv};
    struct err err = ERR_INIT;
    struct db_pool *pool = NULL;
    struct db *db = NULL;
    struct arena *arena = arena_new((size_t)256 << 20);
    const int64_t count = option_int(&options, "--count", 1000);
    const int64_t batch = option_int(&options, "--batch", 1000);
    const int64_t later_s = option_int(&options, "--later", 0);
    const struct db_pool_config config = {.url = option_text(&options, "--url", ""),
                                          .name = "bench fill",
                                          .size = 1,
                                          .plans = DB_PLANS_LOOKUPS};
    const struct job_new like = {.kind = "noop",
                                 .worker = option_text(&options, "--worker", "scout"),
                                 .user_id = ID_SYSTEM_USER,
                                 .request_id = "bench",
                                 .payload = option_text(&options, "--payload", "{}"),
                                 .priority = JOB_NORMAL,
                                 .run_at_ms = later_s > 0 ? clock_wall_ms() + later_s * 1000 : 0};
    log_open("bench", LOG_ERROR);
    must(db_pool_open(&config, &pool, &err), &err);
    must(db_get(pool, &db, &err), &err);
    int64_t began_ns = clock_mono_ns();
    for (int64_t left = count; left > 0; left -= batch)
        accept_some(db, arena, &like, (size_t)(left < batch ? left : batch));
    double seconds = (double)(clock_mono_ns() - began_ns) / 1e9;
    printf("{\"jobs\":%lld,\"seconds\":%.3f,\"rate\":%.0f}\n", (long long)count, seconds,
           (double)count / seconds);
    db_put(db);
    db_pool_close(pool);
    arena_free(arena);
    log_close();
    return 0;
}
