/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notify.h -- what a program tells the service manager that started it (sd_notify(3), without its library): a
 * datagram to NOTIFY_SOCKET.  Without one, or where nobody reads it, nothing happens. Never blocks, any
 * thread.
 *
 * The watchdog: where WATCHDOG_USEC asks for it, a thread calls `lives` at a quarter of that time, and tells
 * the manager only when it answers true.  `lives` may block for as long as that quarter. A manager that hears
 * nothing for the whole time ends the program and starts it again.
 */
#ifndef SOKOUL_COMMON_BASE_NOTIFY_H
#define SOKOUL_COMMON_BASE_NOTIFY_H

#include <stdbool.h>

void notify(const char *state); /* "READY=1" */

struct watchdog;
/* NULL: nobody asks for it, or there is no thread for it (the log says so). */
struct watchdog *watchdog_start(bool (*lives)(void *of), void *of);
void watchdog_stop(struct watchdog *watchdog); /* waits for `lives`; NULL is fine */

#endif
