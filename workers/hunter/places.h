/* SPDX-License-Identifier: Apache-2.0 */
/*
 * places.h -- who may run in a hunter when more want to than can.
 *
 * DOWNLOADS_ACTIVE_PER_HUNTER downloads run at once, and beside them there are places that no download ever
 * takes, so that a purge is never behind one.  limits.h shares the places out by user.  A download that is
 * paused, or has received nothing for its patience, keeps its place only as long as nobody waits for it:
 * then it is handed back, and comes again when its turn has come.
 *
 * Threads: the ledger's.  Blocks as long as a statement.
 */
#ifndef SOKOUL_WORKERS_HUNTER_PLACES_H
#define SOKOUL_WORKERS_HUNTER_PLACES_H

#include "workers/hunter/hunter.h"

int places_in_all(const struct conf *conf); /* jobs of all kinds that a hunter runs at once */
/* Says in the database how many a hunter runs of each kind; cheap when that is known. */
MUST_USE enum err_code places_announce(const struct hunter *hunter, struct db *db, struct arena *arena,
                                       struct err *err);
/* When jobs wait for a place, asks as many idle downloads to give theirs up. */
MUST_USE enum err_code places_share(const struct hunter *hunter, struct db *db, struct err *err);

#endif
