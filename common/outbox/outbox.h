/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outbox.h -- the relay (outbox rows to JetStream) and the sweeper (what must be woken again),
 * one thread each, in every program that has a database: API and workers.
 *
 * The relay is woken by outbox_wake (its own process committed rows), by a Postgres notification
 * on channel "sokoul_outbox" (a program without a relay did), and looks by itself once a second.
 * With NATS away rows wait.  Any number of relays and sweepers may run at once: relays share the
 * rows by SKIP LOCKED, sweepers take turns by an advisory lock.
 */
#ifndef SOKOUL_COMMON_OUTBOX_OUTBOX_H
#define SOKOUL_COMMON_OUTBOX_OUTBOX_H

#include "common/base/err.h"

#include <stdint.h>

struct outbox;
struct mq;

struct outbox_config
{
    const char *database_url;
    const char *name; /* of the program, for application_name */
    struct mq *mq;    /* borrowed, lives longer */
    int lease_ms;     /* JOBS_LEASE_S: when a frozen worker's jobs are taken back */
    int retention_days;
};

/* Starts both threads; the database and NATS may be away. */
MUST_USE enum err_code outbox_start(const struct outbox_config *config, struct outbox **outbox,
                                    struct err *err);
void outbox_wake(struct outbox *outbox); /* after a commit that wrote rows; any thread; never blocks */
/* Rows that waited at the latest look, at most 10 s ago; for backpressure. */
int64_t outbox_backlog(struct outbox *outbox);
void outbox_stop(
    struct outbox *outbox); /* one last look at what is due, at most 2 s, then waits for both threads */

#endif
