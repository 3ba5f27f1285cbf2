/* SPDX-License-Identifier: Apache-2.0 */
/*
 * selection.h -- which files of a torrent are wanted, as the engine's priorities.
 *
 * Pure; any thread.
 */
#ifndef SOKOUL_WORKERS_HUNTER_SELECTION_H
#define SOKOUL_WORKERS_HUNTER_SELECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum
{
    SELECTION_FILES = 50000, /* no torrent that passes the gate has more */
    SELECTION_NORMAL = 4     /* the priority of a wanted file */
};

/* All zero: nothing is wanted yet.  `priority` is NULL while nothing, or everything, is wanted. */
struct selection
{
    bool all;
    size_t count;
    uint8_t *priority; /* by file index; those past `count` are not wanted */
};

/* Adds what one download wants: "0,3,12", or NULL for all.  True: more is wanted than before.  Out of
 * memory means all; indexes that no torrent has are ignored. */
bool selection_add(struct selection *selection, const char *files);
struct selection selection_copy(const struct selection *selection); /* out of memory: all */
void selection_fini(struct selection *selection);

#endif
