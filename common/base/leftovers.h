/* SPDX-License-Identifier: Apache-2.0 */
/*
 * leftovers.h -- what a process leaves behind for others on the machine: no core file, in which its secrets
 * would be, and no file that the world may read.  Call it first in main(), before any thread.
 */
#ifndef SOKOUL_COMMON_BASE_LEFTOVERS_H
#define SOKOUL_COMMON_BASE_LEFTOVERS_H

/* A mask that is stricter already stays. */
void leftovers_limit(void);

#endif
