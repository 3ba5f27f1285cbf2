/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger.h -- the thread between the swarms and Postgres.
 *
 * Less than a second apart it asks what is wanted of each running download; every 4 s, and at once
 * when there is news for people, it writes how far each is, all in one statement.  It also ends the
 * seeding of what nobody wants any more, puts back what was seeded before a restart, and measures the
 * free space.  With the database away the downloads go on and the ledger tries again.
 */
#ifndef SOKOUL_WORKERS_HUNTER_LEDGER_H
#define SOKOUL_WORKERS_HUNTER_LEDGER_H

void *ledger_run(void *hunter); /* ends when hunter_rest says so */

#endif
