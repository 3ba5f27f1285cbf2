/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory.h -- how the process treats its heap. Call it first in main(), before any thread.
 *
 * glibc keeps an arena of its own for each thread and lets its thresholds grow with use, so that
 * memory which one burst needed (a password hash takes 19 MiB) stays with the process for ever.
 * memory_tame fixes both: two arenas, large blocks go back to the system when they are freed.
 */
#ifndef SOKOUL_COMMON_BASE_MEMORY_H
#define SOKOUL_COMMON_BASE_MEMORY_H

void memory_tame(void);

#endif
