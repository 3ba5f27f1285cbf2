/* SPDX-License-Identifier: Apache-2.0 */
/*
 * places.h -- which downloads run in a hunter when there are more than may run.
 *
 * DOWNLOADS_ACTIVE_PER_HUNTER downloads run at once, and beside them there are slots that no download ever
 * takes, so that a purge never waits behind one.  limits.h shares the places out by user.  A download that is
 * paused, or has received nothing for its patience, keeps its place only as long as no job is queued for one:
 * then it is handed back, and runs again when it is admitted.
 *
 * Threads: the ledger's.  Blocks as long as a statement.
 */
#ifndef SOKOUL_WORKERS_HUNTER_PLACES_H
#define SOKOUL_WORKERS_HUNTER_PLACES_H

#include "workers/hunter/hunter.h"

int places_in_all(const struct conf *conf); /* jobs of all kinds that a hunter runs at once */
/* Writes to the database how many jobs of each kind a hunter runs; cheap when that is written already. */
MUST_USE enum err_code places_announce(const struct hunter *hunter, struct db *db, struct arena *arena,
                                       struct err *err);
/* When jobs are queued for a place, asks as many idle downloads to give theirs up. */
MUST_USE enum err_code places_share(const struct hunter *hunter, struct db *db, struct err *err);

#endif
