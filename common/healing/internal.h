/* SPDX-License-Identifier: Apache-2.0 */
/* internal.h -- what the files of common/healing share.  Nobody outside includes it. */
#ifndef SOKOUL_COMMON_HEALING_INTERNAL_H
#define SOKOUL_COMMON_HEALING_INTERNAL_H

#include "common/healing/healing.h"
#include "common/healing/rules.h"
#include "common/healing/streams.h"
#include "common/store/jobs.h"

#include <pthread.h>
#include <stdatomic.h>

/* The tasks of a round, in their order; healing.c has the table. */
enum task
{
    TASK_TAKE_BACK,
    TASK_ADMIT,
    TASK_FIRE,
    TASK_MEND,
    TASK_UNSEAT,
    TASK_COUNT,
    TASK_TIDY,
    TASK_SCAN,
    TASK_PURGE,
    TASK_SEAL,
    TASK_COPY,
    TASK_NOTE,
    TASKS
};

enum
{
    HEALING_KINDS = 64,
    HEALING_NOTE_SIZE = 4096,
    HEALING_CONSUMERS = (8 + MQ_WORKERS_MAX) * JOB_PRIORITIES /* the product's few workers, and others */
};

/* What is counted for operators (gauges.c). */
struct gauges
{
    int64_t in_stream;                        /* messages that wait, when NATS was asked last */
    char kinds[HEALING_KINDS][JOB_KIND_SIZE]; /* each that a job waited of; they keep their series */
    size_t kinds_count;
    int64_t in_stream_of[HEALING_KINDS]; /* messages of that kind, when NATS was asked last */
};

struct healing
{
    struct mq *mq;
    struct db_pool *pool; /* of one connection */
    void (*wake)(void *of);
    void *wake_of;
    int lease_ms;
    int retention_days;
    int stop_fd; /* eventfd: never read, so that every waiter sees it */
    atomic_bool stopping;
    atomic_llong give_up_ms; /* monotonic; no statement is waited for past it; 0: there is time */
    atomic_llong backlog;
    pthread_t thread;
    char name[48];        /* of the program */
    pthread_mutex_t lock; /* guards `noted` */
    char noted[HEALING_NOTE_SIZE];

    /* The thread's own. */
    struct db *db;                      /* while it has one */
    struct arena *arena;                /* of the round */
    int64_t due_ms[TASKS];              /* monotonic */
    struct job_scan scan;               /* where it is among the jobs */
    char scan_stream[INCARNATION_SIZE]; /* for which stream it began with the newest */
    bool in_doubt;                      /* a complete scan does not count */
    int64_t mend_at_ms;
    struct consumer_watch watches[HEALING_CONSUMERS]; /* in the order of mq_worker_at */
    struct gauges gauges;
    struct mq_publisher *copier; /* of audit entries; NULL until it is needed */
};

/* The task is due again in the next round, not when its time comes. */
void healing_hasten(struct healing *healing, enum task task);

/* The tasks.  Errors are the database's, or of NATS: E_UNAVAILABLE and E_NOT_FOUND end no round. */
MUST_USE enum err_code jobs_take_back(struct healing *healing, struct err *err);
MUST_USE enum err_code jobs_tidy_claims(struct healing *healing, struct err *err);
MUST_USE enum err_code jobs_purge(struct healing *healing, struct err *err);
MUST_USE enum err_code audit_seal(struct healing *healing, struct err *err);
MUST_USE enum err_code audit_copy(struct healing *healing, struct err *err);
MUST_USE enum err_code audit_note(struct healing *healing, struct err *err);
MUST_USE enum err_code limits_admit(struct healing *healing, struct err *err);
MUST_USE enum err_code schedules_fire(struct healing *healing, struct err *err);
MUST_USE enum err_code streams_mend(struct healing *healing, struct err *err);
MUST_USE enum err_code streams_scan(struct healing *healing, struct err *err);
/* What NATS knows stays as it was while NATS is away. */
MUST_USE enum err_code gauges_count(struct healing *healing, struct err *err);

/* All series of the gauges, at 0. */
void gauges_expect(struct healing *healing);

/* What JOBS and its consumers say of each other.  A consumer that is missing has nothing. */
struct survey
{
    struct mq_stream stream;
    struct mq_subject *subjects;
    size_t subjects_count;
    int64_t acked_seq; /* all consumers are done with messages up to here */
    int64_t unacked;   /* messages that consumers account for */
    size_t count;
    struct job_consumer consumers[HEALING_CONSUMERS]; /* in the order of mq_worker_at */
    struct mq_consumer infos[HEALING_CONSUMERS];      /* of each of them, as NATS says it */
};
/* Asks NATS.  A message that comes or goes meanwhile makes the numbers disagree, for once. */
MUST_USE enum err_code survey_take(struct healing *healing, struct survey *survey, struct err *err);
/* A step of the scan for jobs whose wake-up is lost. */
MUST_USE enum err_code jobs_scan(struct healing *healing, const struct stream_now *now,
                                 const struct survey *survey, struct err *err);

#endif
