/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lanes.h -- which lanes there are, how many threads each has, and which route goes where.
 *
 *     batches    2 threads   routes with a batch handler: more threads would make batches small
 *     executors  the rest of DB_POOL_SIZE, three quarters of them for one owner at most
 *     passwords  one per core, 32 waiting at most
 *     providers  8, 4 for one owner at most, 128 waiting at most: a slow provider keeps no executor
 *     refusals   1           what was refused on the event thread, and only counts
 *
 * In each the owners of requests take turns (turns.h).  What only waits for its time waits in none of them
 * (parked.h).
 *
 * Offers the length of the queues and the counts of the caches as metrics.
 * Threads: as lane.h says.
 */
#ifndef SOKOUL_API_LANES_H
#define SOKOUL_API_LANES_H

#include "api/lane.h"

struct lanes;

/* How many of so many database connections belong to the lane of batches. */
int lanes_batch_threads(int connections);

/* app->db_batches NULL: that lane takes its connections from app->db like the others. */
MUST_USE enum err_code lanes_start(const struct app *app, void (*done)(struct request *req),
                                   struct lanes **lanes, struct err *err);
void lanes_stop(struct lanes *lanes); /* as lane_stop; NULL is fine */
/* Into the lane of its route, or of its next step. */
void lanes_push(struct lanes *lanes, struct request *req);
void lanes_fail_database(struct lanes *lanes, const struct err *err);

#endif
