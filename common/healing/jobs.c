/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs whose worker died or froze, jobs whose wake-up got lost, and jobs that are past their retention. */
#include "common/healing/internal.h"

#include "common/base/log.h"
#include "common/obs/metrics.h"
#include "common/store/outbox.h"
#include "common/store/retention.h"

#include <stdio.h>
#include <string.h>

enum
{
    PURGE_LIMIT = 5000 /* rows of a table in one round, so that what is urgent comes in between */
};

enum err_code jobs_take_back(struct healing *healing, struct err *err)
{
    int64_t moved = 0;
    enum err_code code = job_store_take_back(healing->db, healing->arena, healing->lease_ms, &moved, err);
    if (code != E_OK || moved == 0)
        return code;
    metrics_add(METRIC_JOBS_TAKEN_BACK, (uint64_t)moved);
    log_warn("jobs_taken_back", "took back %lld jobs from workers that died or froze", (long long)moved);
    healing->wake(healing->wake_of);
    return E_OK;
}

enum err_code jobs_tidy_claims(struct healing *healing, struct err *err)
{
    return job_store_tidy_claims(healing->db, healing->arena, healing->lease_ms, err);
}

enum err_code jobs_scan(struct healing *healing, const struct stream_now *now, const struct survey *survey,
                        struct err *err)
{
    const struct job_stream stream = {now->incarnation, MQ_ACK_WAIT_MS, survey->consumers, survey->count};
    const struct scan_facts facts = {.scanned = now->scanned,
                                     .in_doubt = healing->in_doubt,
                                     .same_stream = strcmp(healing->scan_stream, now->incarnation) == 0};
    const enum scan_pace pace = scan_decide(&facts);
    struct job_scan *scan = &healing->scan;
    if (pace == SCAN_FAST_ANEW)
    {
        scan->before[0] = '\0';
        snprintf(healing->scan_stream, sizeof healing->scan_stream, "%s", now->incarnation);
    }
    enum err_code code = job_store_scan(healing->db, healing->arena, &stream, scan, err);
    if (code != E_OK)
        return code;
    if (scan->woken > 0)
    {
        healing->wake(healing->wake_of);
        metrics_add(METRIC_JOBS_SWEPT, (uint64_t)scan->woken);
        log_warn("lost_jobs_woken", "woke %lld jobs again whose message is gone", (long long)scan->woken);
    }
    const enum scan_next next = scan_after(pace, scan->before[0] == '\0' ? SCAN_AT_END : SCAN_AMID);
    if (next == SCAN_NEXT_AT_ONCE)
        healing_hasten(healing, TASK_SCAN);
    if (next != SCAN_COMPLETE)
        return E_OK;
    healing->in_doubt = false;
    return outbox_store_swept(healing->db, now->incarnation, err);
}

enum err_code jobs_purge(struct healing *healing, struct err *err)
{
    const struct retention retention = {.days = healing->retention_days, .limit = PURGE_LIMIT};
    bool more = false;
    enum err_code code = retention_store_run(healing->db, healing->arena, &retention, &more, err);
    if (code == E_OK && more)
        healing_hasten(healing, TASK_PURGE);
    return code;
}
