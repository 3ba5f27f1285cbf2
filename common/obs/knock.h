/* SPDX-License-Identifier: Apache-2.0 */
/*
 * knock.h -- whether a listener of this machine still moves: it is asked for /livez, and whatever it does
 * with that, an answer with any status or a closed connection, is life.  Only silence for KNOCK_MS is none.
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

/* `host` is numeric, as it was listened on: one for all addresses is asked on this machine's own. */
bool knock(const char *host, int port);

#endif
