/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rights.h -- what each role of PostgreSQL may do with each table.
 *
 * An installation may give each program a role of its own: sokoul_api, sokoul_worker, and sokoul_reader for
 * people who look.  Whoever migrates owns the tables, and grants these what the table in rights.c says, and
 * no more.  A role that is not there, or that owns the tables itself, is passed over: one role for everything
 * works as well, whatever it is called.  What belongs to somebody else is left alone.
 *
 * rights_store_grant takes back what an earlier release gave and this one does not, in one transaction with
 * the grants: nobody is without his rights in between.  Errors: db.h's.  Threads: the connection's owner.
 * Blocks.
 */
#ifndef SOKOUL_COMMON_STORE_RIGHTS_H
#define SOKOUL_COMMON_STORE_RIGHTS_H

#include "common/db/db.h"

MUST_USE enum err_code rights_store_grant(struct db *db, struct err *err);

#endif
