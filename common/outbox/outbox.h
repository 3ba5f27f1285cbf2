/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outbox.h -- the relay (outbox rows to JetStream), one thread in every program that has a database: API and
 * workers.
 *
 * The relay is woken by outbox_wake (its own process committed rows), by a Postgres notification
 * on channel "sokoul_outbox" (a program without a relay did), and looks by itself twice a second; what other
 * processes committed it leaves to them, and to the worker that can take it without NATS, for the better part
 * of a second. With NATS away rows wait, but for those that a worker of this process can take.  Any number of
 * relays may run at once: they share the rows by SKIP LOCKED.
 */
#ifndef SOKOUL_COMMON_OUTBOX_OUTBOX_H
#define SOKOUL_COMMON_OUTBOX_OUTBOX_H

#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct outbox;
struct mq;
struct job_claim;
struct job_claimer;

struct outbox_config
{
    const char *database_url;
    const char *name; /* of the program, for application_name */
    struct mq *mq;    /* borrowed, lives longer */
    bool eager;       /* hears of idle workers, for outbox_offer */
};

/* Starts the thread; the database and NATS may be away. */
MUST_USE enum err_code outbox_start(const struct outbox_config *config, struct outbox **outbox,
                                    struct err *err);
void outbox_wake(struct outbox *outbox); /* after a commit that wrote rows; any thread; never blocks */
/* The same for rows of which the contents are known: they are published at once, without being read back.
 * Copies them; what cannot be kept or published is found in the table. */
struct outbox_fresh;
struct outbox_offer;
void outbox_publish(struct outbox *outbox, const struct outbox_fresh *fresh);
/* Takes the offer of a worker of this name that is idle; false: there is none.  For job_store_accept_given;
 * the worker is told with outbox_publish. */
bool outbox_offer(struct outbox *outbox, const char *worker, struct outbox_offer *offer);
/* A worker in this very process. When there is a crowd, due jobs of its own for which it has room are claimed
 * in the relay's transaction and given to it at once, without the way over NATS (docs/adr/0009).  Jobs of low
 * priority, of kinds with a limit, and those that must be claimed alone always go over NATS. */
struct outbox_local
{
    const char *worker; /* "scout" */
    const struct job_claimer *claimer;
    int (*room)(void *of); /* how many it would take now */
    /* The end of a round that began with room: they are its own; it copies them. There may be none. */
    void (*got)(void *of, const struct job_claim *claims, size_t count);
    void *of;
};
/* Both are called by the relay's thread and must not block or call back.  NULL ends it: when this returns, no
 * call is under way and none will come; a statement that the database does not answer ends for it after 2 s.
 */
void outbox_deliver_to(struct outbox *outbox, const struct outbox_local *local);
/* The local worker has room again; cheap when the relay does not wait for any. Never blocks. */
void outbox_has_room(struct outbox *outbox);
/* Asks it to end, and waits for nothing: what outbox_stop waits for begins now.  NULL is fine. */
void outbox_leave(struct outbox *outbox);
/* One last look at what is due, whoever wrote it, for at most 2 s, then waits for the thread: 4 s in all,
 * whatever the servers do. */
void outbox_stop(struct outbox *outbox);

#endif
