/* SPDX-License-Identifier: Apache-2.0 */
/* metrics_text.h -- the two lines before the series of a metric. Pure. */
#ifndef SOKOUL_COMMON_OBS_METRICS_TEXT_H
#define SOKOUL_COMMON_OBS_METRICS_TEXT_H

#include "common/obs/metrics.h"

struct metrics_head
{
    const char *name;
    const char *type; /* "counter", "gauge", "histogram" */
    const char *help;
};

void metrics_put_head(struct buf *out, enum metrics_format format, const struct metrics_head *head);

#endif
