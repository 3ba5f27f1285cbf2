/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inbox.h -- which job is claimed next, and how many a worker may have.
 *
 * A job waits here from the arrival of its message to its claim, and is counted as in flight from its claim
 * to its settling.  Each priority has a queue: mostly the highest goes first, every fourth choice prefers
 * normal and every sixteenth low, so none starves.
 *
 * An isolated job may have killed its worker: it is claimed by itself, when no job in flight is younger than
 * the quarantine, and nothing else is claimed until it has ended or its own quarantine is over.
 *
 * The prefetch limit is how many jobs may be in flight.  It is never below `slots`, the number of handlers;
 * it doubles when jobs end so fast that handlers would wait for the next claim, and is halved when a claimed
 * job had to wait long for a handler.
 *
 * Pure: no threads, no clock, no I/O and no memory of its own.  The caller has the lock and says the time
 * (monotonic milliseconds).
 */
#ifndef SOKOUL_WORKERS_RUNTIME_INBOX_H
#define SOKOUL_WORKERS_RUNTIME_INBOX_H

#include "common/job/job.h"

#include <stdbool.h>
#include <stdint.h>

enum
{
    INBOX_BATCH = 256,          /* jobs of one claim at most */
    INBOX_LIMIT_MAX = 1024,     /* jobs in flight at most, however fast they are */
    INBOX_LOCAL_LEAST = 64,     /* fewer are not worth a transaction while handlers have enough to do */
    INBOX_QUARANTINE_MS = 1000, /* how long an isolated job stays the only newcomer */
    INBOX_FAST_MS = 20,         /* a job this short may be claimed well ahead */
    INBOX_SLOW_MS = 100         /* a job that waited so long for a handler was claimed too early */
};

/* The beginning of a struct job: what holds it in a queue, and in the list of those in flight. */
struct job_link
{
    struct job_link *next;
    struct job_link *newer;
    struct job_link *older;
    enum job_priority priority;
    bool isolated;
    int64_t claimed_ms;
};

/* First in, first out. */
struct job_queue
{
    struct job_link *head;
    struct job_link *tail;
    int count;
};
void job_queue_push(struct job_queue *queue, struct job_link *take);
void *job_queue_pop(struct job_queue *queue); /* the job that the link begins; NULL: none */
void job_queue_append(struct job_queue *queue, struct job_queue *take);

struct inbox
{
    struct job_queue waiting[JOB_PRIORITIES];
    struct job_queue isolated; /* wait too */
    unsigned turn;             /* of the choice among the priorities */
    int slots;
    int limit;                    /* the prefetch limit */
    bool open;                    /* jobs may be claimed */
    bool claiming_locally;        /* jobs may be added to those in flight without having waited here */
    struct job_link *newest;      /* of those in flight, and by `older` all of them */
    struct job_link *quarantined; /* the isolated job that was claimed last, while it is in flight */
    int in_flight;
};

void inbox_init(struct inbox *inbox, int slots); /* it is not open yet */
void inbox_add(struct inbox *inbox, struct job_link *take);
int inbox_count(const struct inbox *inbox); /* those that wait */
/* For how many more messages to ask each consumer: no message is to wait here while another worker is idle,
 * but half a limit more when jobs are so fast that the next must lie ready. */
int inbox_credit(const struct inbox *inbox);
/* The next ones to be claimed together: as many as there are free slots, or one isolated job, or none. */
void inbox_choose(struct inbox *inbox, int64_t now_ms, struct job_queue *chosen);
/* How many jobs that have no message may be claimed now, while `ready` claimed ones wait for a handler. Above
 * 0 no isolated job is chosen until claiming_locally is taken back. */
int inbox_claim_locally(struct inbox *inbox, int ready, int64_t now_ms);
/* Slow jobs fill all slots: whatever waits here is somebody else's. */
bool inbox_is_full(const struct inbox *inbox);
/* All that wait but the isolated ones, or those too. */
void inbox_give_up(struct inbox *inbox, struct job_queue *given_up);
void inbox_empty(struct inbox *inbox, struct job_queue *given_up);

/* From waiting, or from nowhere, to in flight; a handler begins it; it has been settled. */
void inbox_claimed(struct inbox *inbox, struct job_link *job, int64_t now_ms);
void inbox_begun(struct inbox *inbox, const struct job_link *job, int64_t now_ms);
void inbox_settled(struct inbox *inbox, struct job_link *job, int64_t now_ms);

#endif
