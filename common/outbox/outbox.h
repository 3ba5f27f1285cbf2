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
    bool hands_off;   /* listens to idle workers, for outbox_recipient */
};

/* Starts the thread; the database and NATS may be away. */
MUST_USE enum err_code outbox_start(const struct outbox_config *config, struct outbox **outbox,
                                    struct err *err);
void outbox_wake(struct outbox *outbox); /* after a commit that wrote rows; any thread; never blocks */
/* The same for rows of which the contents are known: they are published at once, without being read back.
 * Copies them; what cannot be kept or published is found in the table. */
struct just_committed;
struct job_recipient;
void outbox_publish(struct outbox *outbox, const struct just_committed *committed);
/* A worker of this name that announced itself idle, for one job; false: there is none.  For
 * job_store_hand_off; the worker is told with outbox_publish. */
bool outbox_recipient(struct outbox *outbox, const char *worker, struct job_recipient *recipient);
/* A worker in this very process. When many of its jobs are due, those for which it has free slots are claimed
 * for it and delivered at once, without the way over NATS (docs/adr/0009).  Jobs of low priority, of kinds
 * with a limit, and those that must be claimed alone always go over NATS. */
struct outbox_local
{
    const char *worker; /* "scout" */
    const struct job_claimer *claimer;
    int (*free_slots)(void *of); /* how many jobs it would take now; it keeps them free until: */
    /* Jobs that were claimed for it, which it copies; there may be none. */
    void (*deliver)(void *of, const struct job_claim *claims, size_t count);
    void *of;
};
/* Both are called by the relay's thread and must not block or call back.  NULL ends it: when this returns, no
 * call is under way and none will come; it waits for a claim that is under way, for 2 s at most. */
void outbox_deliver_to(struct outbox *outbox, const struct outbox_local *local);
/* The local worker has free slots again; cheap when the relay does not wait for any. Never blocks. */
void outbox_has_free_slots(struct outbox *outbox);
/* Asks it to end, and waits for nothing: what outbox_stop waits for begins now.  NULL is fine. */
void outbox_leave(struct outbox *outbox);
/* One last look at what is due, whoever wrote it, for at most 2 s, then waits for the thread: 4 s in all,
 * whatever the servers do. */
void outbox_stop(struct outbox *outbox);

#endif
