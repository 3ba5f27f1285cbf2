/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arena.h -- memory that lives exactly as long as one request or one job.
 *
 * Handlers allocate and free nothing; the owner (executor, worker runtime) frees the arena
 * or resets it for the next.  An arena is born with a limit in bytes; past it, or when the
 * system has no memory, allocation returns NULL and `arena_failed` stays true until reset.
 *
 * Threads: one arena belongs to one thread at a time.
 */
#ifndef SOKOUL_COMMON_BASE_ARENA_H
#define SOKOUL_COMMON_BASE_ARENA_H

#include "common/base/err.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct arena;

struct arena *arena_new(size_t max_bytes); /* NULL when out of memory */
/* The same with a first block of that size, which is kept over resets: for things that are many. */
struct arena *arena_new_sized(size_t first_bytes, size_t max_bytes);
void arena_free(struct arena *arena); /* NULL is fine */
/* Frees all but the first block; runs what was deferred, latest first. */
void arena_reset(struct arena *arena);

void *arena_alloc(struct arena *arena, size_t bytes);                    /* zeroed, aligned for anything */
void *arena_array(struct arena *arena, size_t count, size_t each_bytes); /* overflow-checked */
char *arena_strdup(struct arena *arena, const char *text);               /* NULL gives NULL */
char *arena_strndup(struct arena *arena, const char *text, size_t len);
char *arena_printf(struct arena *arena, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Calls run(thing) at reset or free.  False: could not be registered, and run was called. */
bool arena_defer(struct arena *arena, void (*run)(void *thing), void *thing);

bool arena_failed(const struct arena *arena);
size_t arena_used_bytes(const struct arena *arena);

#endif
