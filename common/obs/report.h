/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report.h -- the JSON of /health, /healthz, /health/deep, /ready and /livez, the same for every program.
 *
 * All from cached probes: never blocks, any thread.  Each appends to `out` and answers 200
 * (REPORT_GOOD) or 503 (REPORT_BAD).
 */
#ifndef SOKOUL_COMMON_OBS_REPORT_H
#define SOKOUL_COMMON_OBS_REPORT_H

#include "common/base/buf.h"
#include "common/obs/health.h"

struct report
{
    struct health *health;
    int64_t started_ms; /* monotonic */
    uint64_t requests;  /* of whatever the program serves: requests, jobs */
    uint64_t errors;
    int listeners;
};

enum report_verdict
{
    REPORT_GOOD,
    REPORT_BAD
};

enum report_verdict report_health(const struct report *report, struct buf *out);
enum report_verdict report_brief(const struct report *report, struct buf *out); /* /healthz: always good */
enum report_verdict report_deep(const struct report *report, struct buf *out);
enum report_verdict report_ready(const struct report *report, struct buf *out);
enum report_verdict report_live(const struct report *report, struct buf *out); /* always good */

#endif
