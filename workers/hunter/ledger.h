/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger.h -- the thread between the swarms and Postgres.
 *
 * Several times a second it reads what is wanted of each running download; every 4 s, and at once when a
 * change is worth it, it writes the progress of all in one statement.  It also ends the seeding of torrents
 * that nobody wants any more, adds those again that were seeded before a restart, and measures the free
 * space.  With the database away the downloads go on and the ledger tries again.
 */
#ifndef SOKOUL_WORKERS_HUNTER_LEDGER_H
#define SOKOUL_WORKERS_HUNTER_LEDGER_H

void *ledger_run(void *hunter); /* ends when hunter_rest says so */

#endif
