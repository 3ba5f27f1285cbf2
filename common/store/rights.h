/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rights.h -- what each role of PostgreSQL may do with each table.
 *
 * An installation may give each program a role of its own: sokoul_api, sokoul_worker, and sokoul_reader for
 * people who look.  The role that migrates owns the tables, and grants the others the rights of the table in
 * rights.c, and no more.  A role that is not there, or that owns the tables itself, is skipped: one role for
 * everything works as well, whatever its name.  Relations of other owners are left alone.
 *
 * rights_store_grant takes back rights that an earlier release granted and this one does not, in one
 * transaction with the grants: no role is without its rights in between.  Errors: db.h's.  Threads: the
 * connection's owner. Blocks.
 */
#ifndef SOKOUL_COMMON_STORE_RIGHTS_H
#define SOKOUL_COMMON_STORE_RIGHTS_H

#include "common/db/db.h"

MUST_USE enum err_code rights_store_grant(struct db *db, struct err *err);

#endif
