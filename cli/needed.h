/* SPDX-License-Identifier: Apache-2.0 */
/*
 * needed.h -- the shared libraries that a program asks the loader for (ELF, DT_NEEDED).
 *
 * One thread, reads a file.
 */
#ifndef SOKOUL_CLI_NEEDED_H
#define SOKOUL_CLI_NEEDED_H

#include "common/base/arena.h"
#include "common/base/err.h"

#include <stddef.h>

/* `names` lie in the arena.  E_NOT_FOUND: no such file.  E_INVALID: it is no program of this machine. */
MUST_USE enum err_code needed_read(const char *path, struct arena *arena, const char ***names, size_t *count,
                                   struct err *err);

#endif
