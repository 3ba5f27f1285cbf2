/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stop.h -- SIGTERM and SIGINT, as every program takes them: the first asks it to stop, the second ends it;
 * SIGHUP, which asks it to read its settings again; and the end of a program that cannot stop in order.  A
 * thread that does not end keeps what it uses alive: then nothing of that is freed, and the process ends
 * here, with its log written.
 *
 * stop_prepare comes before the first thread: all of them inherit its mask, so that the three signals
 * come to whoever waits here and to nobody else.  SIGPIPE is ignored.  main's thread.
 */
#ifndef SOKOUL_COMMON_BASE_STOP_H
#define SOKOUL_COMMON_BASE_STOP_H

#include "common/base/err.h"

#include <stdint.h>

void stop_prepare(void);
/* What main's thread does while it waits; both may block, and a signal meanwhile waits for them. */
struct stop_chores
{
    void (*hangup)(void *of); /* after each SIGHUP; one that came before the wait counts */
    void (*look)(void *of);   /* every STOP_LOOK_MS */
    void *of;
};
enum
{
    STOP_LOOK_MS = 2000
};
/* Waits for the first signal that asks to stop and answers its number.  From then on another one ends the
 * process at once, with a line in the log and 128 + its number as status, whatever the process does. */
int stop_wait(const struct stop_chores *chores);

/* Ends the process after that time as stop_now does, whatever its threads do; `limit_s` is the setting that
 * the log names. Once; does not wait. */
void stop_within(int64_t wait_ms, unsigned limit_s);
/* Ends the process with a line in the log and the status of E_SHUTDOWN (75), and frees nothing. Any thread.
 */
_Noreturn void stop_now(const char *fmt, ...) PRINTF_LIKE(1, 2);

#endif
