/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moved.h -- where a server is now: settings that are read again may give another address, or another
 * password, for a server that a program has named by its first address ever since it started.
 *
 *     first address  --moved_to-->  now, and the one before it
 *
 * The doors (db, cache, mq) keep the first address and ask here when they connect; nobody else need know.
 * The book lives once per process.  Texts live as long as the process.  Any thread; never blocks but for an
 * instant.
 */
#ifndef SOKOUL_COMMON_BASE_MOVED_H
#define SOKOUL_COMMON_BASE_MOVED_H

#include <stdbool.h>

enum
{
    MOVED_MAX = 16 /* servers; further ones stay where they are */
};

struct moved
{
    const char *now;    /* the first address itself where nothing has moved */
    const char *before; /* the same server under the user and password before; NULL: none */
};

/* False: no room or no memory, and nothing has changed. */
bool moved_to(const char *first, const char *now);
struct moved moved_look(const char *first);
/* Another number after each moved_to: as long as it is the same, nothing has moved. */
unsigned moved_turn(void);

#endif
