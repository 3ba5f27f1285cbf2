/* SPDX-License-Identifier: Apache-2.0 */
/*
 * migrations.h -- the migrations: built into the program, or read from a folder.
 *
 * The folder migrations/ of the source tree is embedded when the program is built
 * (tools/embed-migrations), so the binary alone can set up a database.
 */
#ifndef SOKOUL_CLI_MIGRATIONS_H
#define SOKOUL_CLI_MIGRATIONS_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/store/migrate.h"

extern const struct migration_list migrations_embedded;

enum
{
    MIGRATIONS_MAX_FILES = 1000,
    MIGRATION_MAX_BYTES = 1 << 20
};

/* Reads VERSION_name.sql files, sorted by version, into the arena; other names that end in .sql are
 * refused.  E_CONFIG: the folder or a file cannot be read, has a bad name, is too large or a version twice.
 */
MUST_USE enum err_code migrations_read(struct arena *arena, const char *dir, struct migration_list *list,
                                       struct err *err);

#endif
