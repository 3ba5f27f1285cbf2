/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stop.h -- SIGTERM and SIGINT, as every program takes them: the first asks it to stop, the second ends it.
 *
 * stop_prepare comes before the first thread: all of them inherit its mask, so that the two signals
 * come to whoever waits here and to nobody else.  SIGPIPE and SIGHUP are ignored.  main's thread.
 */
#ifndef SOKOUL_COMMON_BASE_STOP_H
#define SOKOUL_COMMON_BASE_STOP_H

void stop_prepare(void);
/* Waits for the first signal and answers its number.  From then on another one ends the process at once,
 * with a line in the log and 128 + its number as status, whatever the process does. */
int stop_wait(void);

#endif
