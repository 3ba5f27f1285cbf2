/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema.h -- whether a database has the schema that this program was built for.
 *
 * A program needs every migration that it was built with.  What a newer program has added is fine, since
 * migrations only expand.  A role that may not read schema_migrations is believed: somebody else's worker may
 * have rights on a few tables only.
 *
 * schema_check is what the pools of programs ask of each new connection (db_pool_config), so that to all
 * their threads a database without the schema is one that is away, and is there as soon as it is migrated.
 *
 * Errors: db.h's; E_DATABASE with a text that names `sokoulctl migrate up`: the schema is behind.
 * Threads: the connection's owner.  Blocks.
 */
#ifndef SOKOUL_COMMON_STORE_SCHEMA_H
#define SOKOUL_COMMON_STORE_SCHEMA_H

#include "common/db/db.h"

extern const char schema_needs[]; /* the versions, as an array literal; generated from migrations/ */

MUST_USE enum err_code schema_check(struct db *db, struct err *err);

#endif
