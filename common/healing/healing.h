/* SPDX-License-Identifier: Apache-2.0 */
/*
 * healing.h -- one thread in every program that has a database (API and workers): it repairs what crashes,
 * cut connections and lost messages leave behind.
 *
 * Of all healing threads on a database one has the turn, an advisory lock of its connection, and does the
 * work; the others count for their gauges, and every ten seconds look whether the one that has the turn is
 * frozen, and then end its connection, and its turn with it.  Two that work at once do no harm: every repair
 * is one transaction that decides by the row.
 *
 * jobs.c: twice a second takes back Running jobs of dead and frozen workers; never from a worker that is
 *     connected and renews its leases.  Every 10 s wakes Pending jobs whose wake-up is lost; never one whose
 *     message the stream or a worker may still have.  Every hour deletes what is past its retention; never a
 *     job that has not ended.
 * limits.c: twice a second admits queued jobs where a place is free; never more than the limit.
 * schedules.c: twice a second makes periodic jobs that are due; never two for one time.
 * streams.c: every 10 s, and a second after something looked wrong, makes and mends streams and consumers;
 *     never deletes a stream with data in it because an update failed.  JOBS alone is deleted with its data,
 *     and only when the server says that no update will ever do: Postgres has its jobs.  Every 10 s makes a
 *     consumer anew that is stalled, which three scans found at the same place; never one that gets on, or
 *     whose worker is busy with a job that began long ago.
 * audit.c: every second seals new entries of the audit trail, and copies what is sealed to the stream LOGS;
 * in each process writes down that its settings have changed. gauges.c: every 10 s, in each process, counts
 * what waits; changes nothing.
 *
 * What it decides stands in rules.h, as pure functions.  A failure of the database ends the round, and the
 * thread begins again with a new connection; a failure of NATS is for the next round to see.
 */
#ifndef SOKOUL_COMMON_HEALING_HEALING_H
#define SOKOUL_COMMON_HEALING_HEALING_H

#include "common/base/err.h"

#include <stdint.h>

struct healing;
struct mq;

struct healing_config
{
    const char *database_url;
    const char *name; /* of the program, for application_name */
    struct mq *mq;    /* borrowed, lives longer */
    int lease_ms;     /* JOBS_LEASE_S: when a frozen worker's jobs are taken back */
    int retention_days;
    /* Called on the thread after a commit that wrote wake-ups; must not block.  Both live longer. */
    void (*wake)(void *of);
    void *wake_of;
};

/* Starts the thread; the database and NATS may be away. */
MUST_USE enum err_code healing_start(const struct healing_config *config, struct healing **healing,
                                     struct err *err);
/* Rows of the outbox at the latest look, at most 10 s ago; for backpressure.  Any thread. */
int64_t healing_backlog(const struct healing *healing);
/* These settings (names, with commas) have changed: the thread writes an audit entry when the database is
 * there. Any thread; does not wait. */
void healing_note_settings(struct healing *healing, const char *names);
/* Asks the thread to end, and waits for nothing: what healing_stop waits for begins now.  NULL is fine. */
void healing_leave(struct healing *healing);
/* Waits for the thread: 4 s at most, whatever the servers do.  NULL is fine. */
void healing_stop(struct healing *healing);

#endif
