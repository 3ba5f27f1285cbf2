/* SPDX-License-Identifier: Apache-2.0 */
/*
 * knock.h -- whether a listener of this machine still runs: it is asked for /livez, and an answer with any
 * status, or a closed connection, is a sign of life.  Only silence for KNOCK_MS is none.
 *
 * Blocks for KNOCK_MS at most.  Any thread.
 */
#ifndef SOKOUL_COMMON_OBS_KNOCK_H
#define SOKOUL_COMMON_OBS_KNOCK_H

#include <stdbool.h>

enum
{
    KNOCK_MS = 5000
};

/* `host` is the numeric address that the program listens on; for 0.0.0.0 and :: the loopback address is
 * asked.
 */
bool knock(const char *host, int port);

#endif
