/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crash.h -- crash points for the fault suite.
 *
 * In a build with SOKOUL_CRASH_POINTS, SOKOUL_CRASH_AT=name:nth kills the process with SIGKILL
 * when the point of that name is passed for the nth time.  In every other build a point is nothing.
 */
#ifndef SOKOUL_COMMON_BASE_CRASH_H
#define SOKOUL_COMMON_BASE_CRASH_H

#ifdef SOKOUL_CRASH_POINTS
void crash_point(const char *name);
#else
static inline void crash_point(const char *name)
{
    (void)name;
}
#endif

#endif
