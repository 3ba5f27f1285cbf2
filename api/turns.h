/* SPDX-License-Identifier: Apache-2.0 */
/*
 * turns.h -- a queue in which owners take turns: who sends a thousand requests waits for them, nobody else
 * does.
 *
 *     ring of owners:  ada [ r r r r r ]  ->  bob [ r ]  ->  203.0.113.7 [ r r ]
 *
 * An owner (request_owner) gets a round, then the next one does.  Of one owner's requests no more than
 * max_running are taken at a time.  When all places are taken, whoever has the most waiting loses the newest
 * of them; that may be the one that has just come.
 *
 * Threads: one at a time; a lane's lock guards it.  Never blocks.
 */
#ifndef SOKOUL_API_TURNS_H
#define SOKOUL_API_TURNS_H

#include "api/route.h"

struct turns;

struct turns *turns_new(int max_waiting, int max_running); /* NULL when out of memory */
void turns_free(struct turns *turns);                      /* empty; NULL is fine */

/* NULL: it waits now.  Else the request that has to leave, this one or another, which waits no longer. */
MUST_USE struct request *turns_push(struct turns *turns, struct request *req);
/* The next round: one request, or as many of its route as a batch handler takes.  0: nothing that may be
 * taken waits.  Each of them is running until turns_end. */
size_t turns_take(struct turns *turns, struct request *out[ROUTE_BATCH]);
void turns_end(struct turns *turns, struct request *req);
/* Those for which `leaves` is true wait no longer: a list by request.next. */
struct request *turns_leave(struct turns *turns, bool (*leaves)(const struct request *req));
int turns_waiting(const struct turns *turns);

#endif
