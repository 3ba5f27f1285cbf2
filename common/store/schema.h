/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema.h -- whether a database has the schema that this program was built for.
 *
 * A program needs every migration that it was built with.  Further migrations, of a newer program, are
 * fine, since they only expand.  For a role that may not read schema_migrations the check passes: a worker of
 * others may have rights on a few tables only.
 *
 * The pools of programs call schema_check with each new connection (db_pool_config).  So a database without
 * the schema counts as away for all their threads, and as up as soon as it is migrated.
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
