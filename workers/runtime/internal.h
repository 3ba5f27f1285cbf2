/* SPDX-License-Identifier: Apache-2.0 */
/*
 * internal.h -- what the stages of the runtime share. Nobody outside workers/runtime includes it.
 *
 * A struct job is made when its message arrives, or when it is claimed without one, and goes from stage to
 * stage until it has been settled; who took it out of a queue last owns it.
 */
#ifndef SOKOUL_WORKERS_RUNTIME_INTERNAL_H
#define SOKOUL_WORKERS_RUNTIME_INTERNAL_H

#include "common/base/id.h"
#include "common/base/log.h"
#include "common/job/envelope.h"
#include "common/job/settle.h"
#include "common/mq/mq.h"
#include "common/probe/pools.h"
#include "workers/runtime/adopt.h"
#include "workers/runtime/inbox.h"
#include "workers/runtime/runtime.h"

#include <pthread.h>
#include <stdatomic.h>

enum
{
    RUNTIME_BATCH = INBOX_BATCH, /* jobs of one claim or one settling at most */
    JOB_FIRST_BYTES = 1024,      /* the claim of an ordinary job */
    JOB_ARENA_BYTES = 32 * 1024 * 1024,
    JOB_FOLLOWS = 8,
    JOB_TEXT_MAX = 256 * 1024, /* bytes of a result, a checkpoint, and progress, each */
    SPENT_RECORDS = 4096,      /* that wait to be removed; healing does it for the others */
    ANNOUNCE_AGAIN_MS = 1000   /* an announcement that nobody took is repeated */
};

/* A row of `claims`, shared by the jobs that were claimed together; removed when the last has been settled.
 */
struct claim_record
{
    int64_t id;
    int left;  /* jobs in flight that share it */
    bool kept; /* one could not be begun or ended: healing takes it back, and needs the row */
};

struct job
{
    struct job_link link; /* first, since queues give jobs out by it */
    struct runtime *runtime;
    struct mq_delivery *message; /* to be acknowledged; NULL: none led to it */

    /* From its claim on. */
    struct arena *arena;
    struct job_claim claim;
    struct claim_record *record;
    const struct job_kind_row *row; /* NULL: a kind that this worker does not know */
    const struct json *payload;
    int64_t started_ms;  /* monotonic; 0: no handler has begun it */
    int64_t deadline_ms; /* monotonic; 0: none */
    atomic_bool stop;
    atomic_int stop_code; /* enum err_code */

    /* Left by the handler. */
    const char *result;
    struct job_new *follow; /* JOB_FOLLOWS of them, made with the first */
    size_t follows;
    bool decided; /* job_end was called */
    enum err_code code;
    struct err err;

    /* The settler's. */
    struct settle_verdict verdict;
    bool bare;      /* its end is written without progress and checkpoint */
    bool ours;      /* it was, when its end was written */
    bool unsettled; /* nothing was written */

    /* Guarded by the lock while it is in flight. */
    char *progress;
    char *checkpoint;
    bool unsaved; /* the database does not have them yet */
};

static inline struct job *job_of(struct job_link *link) /* NULL of NULL */
{
    return (struct job *)link;
}

/* Where messages come from. */
struct source
{
    struct runtime *runtime;
    enum job_priority priority;
    struct mq_pull *pull;
};

/* A thread of the runtime's own, with memory that is made before it. */
struct stage
{
    struct arena *arena;
    pthread_t thread;
    bool started;
};

struct threads
{
    struct stage intake;
    struct stage settler;
    struct stage keeper;
    pthread_t *handlers;
    int handlers_started;
};

/*
 * All that more than one thread changes; runtime_lock leads to it.  The lock guards these fields, and the
 * texts of jobs in flight, and nothing else: whoever has it touches memory only, and has it for as long as
 * that takes.  No statement runs, no word goes to the broker, no handler and no callback runs, and no line is
 * logged under it; what must be said about jobs in flight is copied under the lock and said without it.
 */
struct shared
{
    pthread_mutex_t lock;
    pthread_cond_t intake_news;
    pthread_cond_t ready_news;
    pthread_cond_t ended_news;
    pthread_cond_t stop_news; /* job_wait, keeper, stopping */
    struct inbox inbox;
    struct job_queue ready;               /* claimed, for the handlers */
    struct job_queue ended;               /* for the settler */
    int running;                          /* jobs that handlers have */
    int idle;                             /* handlers that wait for a job */
    bool draining;                        /* no job is claimed any more */
    bool stopped;                         /* handlers and settler leave when their queues are empty */
    int64_t spent_records[SPENT_RECORDS]; /* of which no job is in flight any more, for the keeper */
    size_t spent_count;
    int64_t announce_again_ms; /* monotonic; until then the last announcement stands */
};

/* Nothing more will happen: threads may end. */
static inline bool shared_is_over(const struct shared *shared)
{
    return shared->stopped && shared->inbox.in_flight == 0;
}

struct runtime
{
    /* Made before the threads, and not changed while they run. */
    struct runtime_config config;
    struct id worker_id; /* of this process's row in workers */
    struct job_claimer claimer;
    struct db_pool *own_pool;     /* intake, settler, keeper: one each */
    struct db_pool *handler_pool; /* the kinds' */
    struct pools pools;           /* both, for metrics */
    struct source sources[JOB_PRIORITIES];
    struct mq_sub *cancels;
    struct mq_sub *given;
    struct threads threads;

    atomic_llong give_up_ms; /* monotonic; no statement is waited for past it; 0: we are not leaving */
    struct shared shared;
};

/* runtime.c */
struct shared *runtime_lock(struct runtime *runtime);
void runtime_unlock(struct runtime *runtime);
/* Waits on a condition with the lock held, for at most wait_ms. */
void runtime_wait(struct runtime *runtime, pthread_cond_t *cond, int64_t wait_ms);
/* Waits before the next try: 50 ms at first (*backoff_ms 0), twice as long each time, a second at most, and
 * less when something ends or is stopped. */
void runtime_back_off(struct runtime *runtime, int64_t *backoff_ms);
/* We are leaving, and the time for it is over: what the database has not answered stays as it is there. */
bool runtime_gives_up(void *runtime);
/* In flight; lock held.  fence -1: any.  NULL: it is not in flight. */
struct job *runtime_find(struct runtime *runtime, const char *id, int64_t fence);
/* The next one in flight, from the newest (job NULL) to the oldest; NULL at the end; lock held. */
struct job *runtime_next(struct runtime *runtime, const struct job *job);

/* job.c */
struct job *job_arrived(struct runtime *runtime, struct mq_delivery *take); /* NULL: no memory */
bool job_take_claim(struct job *job, const struct job_claim *claim);        /* copies it; false: no memory */
void job_stop(struct job *job, enum err_code why);
void job_free(struct job *job);
/* Frees the job, which is not in flight, and says of its message, if it has one: it is done with, or somebody
 * is to look again. */
void job_ack(struct job *take);
void job_nak(struct job *take, int64_t delay_ms);

/* deliver.c: claims of one statement become jobs in flight. */
/* take[i] is the job whose message led to claims[i]; NULL: none did.  They go to the handlers. */
void deliver(struct runtime *runtime, const struct job_claim *claims, struct job *const *take, size_t count);
/* No handler begins it: it is handed back. */
void deliver_back(struct runtime *runtime, const struct job_claim *claim, const char *why);
/* It has been settled, or is left to healing: not in flight any more; lock held. */
void deliver_settled(struct runtime *runtime, struct job *job, int64_t now_ms);

/* unclaimed.c: messages whose job has not been claimed. */
struct unclaimed
{
    struct runtime *runtime;
    struct arena *arena;
    struct db *db;
};
/* Which job it wakes.  False: the message is no envelope; it has been dealt with. */
bool unclaimed_read(const struct unclaimed *with, struct job *take, struct id *id);
/* The database does not know the job. */
void unclaimed_adopt(const struct unclaimed *with, struct job *take);

/* intake.c */
void *intake_run(void *runtime);
void intake_close(struct runtime *runtime); /* after its thread: what came and was not claimed goes back */
void intake_on_message(void *source, struct mq_delivery *take);
int intake_free_slots(void *runtime);
void intake_on_local_claims(void *runtime, const struct job_claim *claims, size_t count);
/* handoff.c */
void handoff_announce(struct runtime *runtime);
void handoff_on_job(void *runtime, const char *subject, const char *data, size_t len);
/* handler.c */
void *handler_run(void *runtime);
/* settle.c */
void *settler_run(void *runtime);
/* keep.c */
void *keeper_run(void *runtime);
void keeper_on_cancel(void *runtime, const char *subject, const char *data, size_t len);

#endif
