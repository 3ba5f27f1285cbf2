/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tries.h -- from a release that cannot be had to the next best, and what of it stands in downloads.tries.
 *
 * The handler's thread only.  Blocks: the database.  Errors: db.h's, E_LOST.
 */
#ifndef SOKOUL_WORKERS_HUNTER_TRIES_H
#define SOKOUL_WORKERS_HUNTER_TRIES_H

#include "workers/hunter/hunt.h"

/* Leaves the release for this reason.  The hunt has moved on to the next best, or it is_last. */
MUST_USE enum err_code tries_move_on(struct hunt *hunt, const char *reason, const char *why, struct err *err);

/* Notes why the last release is left; a database that is away costs that note. */
void tries_note_last(struct hunt *hunt, const char *reason, const char *why);

/*
 * What `code` and *err mean for a release that could not be begun.  It is left for the next best when it
 * cannot be had: at once when that is for good or its server asks to wait for long (a quota that is used up),
 * after the retries that every job has when it may pass.  E_OK: the hunt has moved on.  Else the failure is
 * the job's, with its text, since there is no other release, or the same one is to be tried again.
 */
MUST_USE enum err_code tries_leave_dead_end(struct hunt *hunt, enum err_code code, struct err *err);

#endif
