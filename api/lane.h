/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lane.h -- a bounded queue of requests and the threads that work it off.
 *
 *     event thread --lane_push--> [ turns <= max ] --> threads --done(req)-----> event thread
 *     another lane's thread ---->                        `------go_on(req)-----> another lane, or later
 *
 * Who sends requests take turns (turns.h).  A thread takes the next one's oldest request; when its route
 * offers a batch handler, it takes up to ROUTE_BATCH of the same route together.  Then it runs the executor's
 * part of the chain (mw/chain.h), counts the limits (mw/limits.h), runs the handler, and hands every request
 * to `done` with a reply set, or to `go_on` when its handler has asked for a further step.  One that was
 * refused before only counts.  What finds no room, or costs another its place, is answered 503.
 *
 * Each thread owns a Redis connection and an HTTP client, and borrows a database connection from the
 * pool from the first request_db of a round to the end of that round.
 *
 * Threads: any.
 */
#ifndef SOKOUL_API_LANE_H
#define SOKOUL_API_LANE_H

#include "api/route.h"

struct lane;
struct lane_thread;
struct lanes;

struct lane_config
{
    const struct app *app;
    const char *name;      /* static */
    const char *redis_url; /* NULL: no cache */
    struct db_pool *db;
    int threads;
    int max_queue;
    int max_each;                                            /* of one owner's requests that run at once */
    void (*done)(struct request *req);                       /* called on whatever thread, may not block */
    void (*go_on)(struct lanes *lanes, struct request *req); /* the same */
    struct lanes *lanes;
};

MUST_USE enum err_code lane_start(const struct lane_config *config, struct lane **lane, struct err *err);
/* Answers what waits and what still comes with E_SHUTDOWN, lets the threads finish what they hold, joins
 * them. */
void lane_stop(struct lane *lane); /* NULL is fine */
void lane_free(struct lane *lane); /* after that, when nobody pushes any more; NULL is fine */

/* Has it run, or answers it 503. */
void lane_push(struct lane *lane, struct request *req);
int lane_length(struct lane *lane);
/* Answers found and not found by the caches of its threads. */
void lane_cache_counts(const struct lane *lane, uint64_t *hits, uint64_t *misses);
/* Answers at once, with this failure, all that wait and need the database. */
void lane_fail_database(struct lane *lane, const struct err *err);
/* The same for all that have waited until their deadline. */
void lane_fail_late(struct lane *lane, const struct err *err);

/* For request.c. */
MUST_USE enum err_code lane_thread_db(struct lane_thread *thread, struct db **db, struct err *err);
void lane_thread_db_release(struct lane_thread *thread);
struct cache *lane_thread_cache(struct lane_thread *thread);
struct http_client *lane_thread_http(struct lane_thread *thread);

#endif
