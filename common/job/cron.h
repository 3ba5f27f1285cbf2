/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cron.h -- when a periodic job is due: five-field cron expressions, in UTC.
 *
 * Fields: minute 0-59, hour 0-23, day of month 1-31, month 1-12 or jan-dec, day of week 0-7 or
 * sun-sat (0 and 7 are Sunday).  A field is *, or a list of values and ranges a-b, each with an
 * optional step /n; a range may go round the end (22-2, sat-mon), a value with a step goes on to the
 * end.  ? is * for either day.  When both days are restricted, either matches (POSIX crontab(5)).
 * Between fields are blanks or tabs.  @hourly, @daily or @midnight, @weekly, @monthly, @yearly or
 * @annually stand for what they say.
 *
 * Pure: no clock, no memory.
 */
#ifndef SOKOUL_COMMON_JOB_CRON_H
#define SOKOUL_COMMON_JOB_CRON_H

#include "common/base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum
{
    CRON_FIELDS = 5,
    CRON_NEVER = -1
};

struct cron
{
    uint64_t bits[CRON_FIELDS]; /* bit n: the value n matches */
    bool any_day;               /* of the month: the field was * */
    bool any_weekday;
};

/* E_INVALID: says which field and why. */
MUST_USE enum err_code cron_parse(const char *text, struct cron *cron, struct err *err);
/* The first whole minute after `wall_ms` that matches; CRON_NEVER when none does within eight years. */
int64_t cron_next(const struct cron *cron, int64_t wall_ms);

#endif
