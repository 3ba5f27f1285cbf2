/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock.h -- the two clocks, and RFC 3339 times.
 *
 * Durations and deadlines use the monotonic clock; the wall clock is for stamps only.
 * Leases and run_at are Postgres's business, never this machine's.
 * A wall time is milliseconds since 1970-01-01T00:00:00Z, negative before.
 * Any thread.
 */
#ifndef SOKOUL_COMMON_BASE_CLOCK_H
#define SOKOUL_COMMON_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

enum
{
    CLOCK_TEXT_SIZE = sizeof "-999999-12-31T23:59:59.999Z"
};

int64_t clock_wall_ms(void);
int64_t clock_wall_us(void);
int64_t clock_mono_ms(void);
int64_t clock_mono_ns(void);

/* "2026-02-15T15:28:37.123Z"; years 0000 to 9999, else the text is empty. */
void clock_format(int64_t wall_ms, char text[CLOCK_TEXT_SIZE]);
/* Accepts "2026-02-15T15:28:37[.fraction]Z", numeric offsets, t and z, and a leap second of UTC, which counts
 * as the first one of the next day; false on anything else (RFC 3339). */
bool clock_parse(const char *text, int64_t *wall_ms);

/* Absolute CLOCK_MONOTONIC time for pthread_cond_timedwait on a CLOCK_MONOTONIC condition. */
struct timespec clock_mono_after_ms(int64_t wait_ms);

#endif
