/* SPDX-License-Identifier: Apache-2.0 */
/*
 * turn.h -- one turn of a download that has to share its place, and what it remembers of those before.
 *
 * A turn in which nothing arrives may end after 5 s when others wait for the place (places.h); then the job
 * waits for twice as long as its turn was sure to last.  Each such turn is surer than the last, up to 80 s: a
 * torrent that needs long to find its first peer finds it, and one that never will is seldom in the way.
 * Only time spent in a place counts against TORRENT_STALL_S and TORRENT_GIVE_UP_S.
 *
 * The handler's thread only.
 */
#ifndef SOKOUL_WORKERS_HUNTER_TURN_H
#define SOKOUL_WORKERS_HUNTER_TURN_H

#include "workers/hunter/hunt.h"

void turn_begin(struct hunt *hunt); /* reads what the turn before left in the job's checkpoint */
int64_t turn_patience_ms(const struct hunt *hunt);
/* Since bytes arrived last, in this turn or an earlier one. */
int64_t turn_quiet_ms(struct hunt *hunt, const struct swarm_view *view);
/* Gives the place up: E_WAITING, or E_PAUSED for one that is paused. */
enum err_code turn_over(struct hunt *hunt, const struct swarm_view *view, struct err *err);

#endif
