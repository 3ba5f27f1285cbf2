/* SPDX-License-Identifier: Apache-2.0 */
/*
 * envfile.h -- NAME=value files.
 *
 *     # a comment                         blank lines are fine
 *     NAME=value                          blanks around the value are dropped, so is " # comment"
 *     NAME="a value"  NAME='a value'      inside "" a backslash keeps the next character as it is
 *     export NAME=value                   tolerated
 *
 * A name that stands twice: the last one counts, as in a shell.  Texts live in the arena.
 * Reads a file of at most 1 MiB; blocks on the disk only.  Any thread.
 */
#ifndef SOKOUL_COMMON_CONF_ENVFILE_H
#define SOKOUL_COMMON_CONF_ENVFILE_H

#include "common/base/arena.h"
#include "common/base/err.h"

#include <stddef.h>

enum
{
    ENVFILE_MAX_ENTRIES = 512
};

struct envfile_entry
{
    const char *name;
    const char *value;
    int line;
};

struct envfile
{
    const char *path;
    size_t count;
    struct envfile_entry *list;
};

/* E_NOT_FOUND: no such file.  E_CONFIG: the text names file and line. */
MUST_USE enum err_code envfile_read(struct arena *arena, const char *path, struct envfile *file,
                                    struct err *err);
MUST_USE enum err_code envfile_parse(struct arena *arena, const char *path, char *text, struct envfile *file,
                                     struct err *err); /* `text` is cut into pieces in place */
const char *envfile_get(const struct envfile *file, const char *name); /* NULL if absent */

/* A whole small file as text; E_NOT_FOUND or E_CONFIG. */
MUST_USE enum err_code envfile_slurp(struct arena *arena, const char *path, size_t max_bytes, char **text,
                                     struct err *err);

#endif
