/* SPDX-License-Identifier: Apache-2.0 */
/*
 * firing.h -- what a periodic job's schedule does at a time: fire, leave out what was missed, and when next.
 *
 * Pure: no clock, no memory.
 */
#ifndef SOKOUL_COMMON_JOB_FIRING_H
#define SOKOUL_COMMON_JOB_FIRING_H

#include "common/base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum firing_missed
{
    FIRING_ONCE, /* one job makes up for all that was missed */
    FIRING_SKIP  /* it is left out */
};

enum
{
    FIRING_MISSED_MS = 60000 /* later than this is missed */
};

struct firing_facts
{
    const char *cron; /* or NULL, and then */
    int64_t every_s;  /* at least 1 */
    enum firing_missed missed;
    int64_t meant_ms; /* when it was to fire */
    int64_t now_ms;
};

/* Whether it fires, now that its time has come. */
bool firing_is_due(const struct firing_facts *facts);
/* The first time after now: of a cron expression, or a whole number of intervals after meant_ms, and meant_ms
 * itself while that is to come.  E_INVALID: the expression is broken, or never matches. */
MUST_USE enum err_code firing_next(const struct firing_facts *facts, int64_t *next_ms, struct err *err);

#endif
