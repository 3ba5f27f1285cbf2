/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slots.h -- how many connections the API may have at once.
 */
#ifndef SOKOUL_API_SLOTS_H
#define SOKOUL_API_SLOTS_H

#include <stddef.h>

/* The number of slots: as many as wanted, if the process may have descriptors for these and for `extra`
 * connections beyond them; else fewer, at least one, and a warning in the log.  Raises the process's limit as
 * far as it may. */
size_t slots_have(size_t wanted, size_t extra);

#endif
