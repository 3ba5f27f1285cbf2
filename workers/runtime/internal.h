/* SPDX-License-Identifier: Apache-2.0 */
/* internal.h -- what the stages of the runtime share. Nobody outside workers/runtime includes it. */
#ifndef SOKOUL_WORKERS_RUNTIME_INTERNAL_H
#define SOKOUL_WORKERS_RUNTIME_INTERNAL_H

#include "common/base/id.h"
#include "common/base/log.h"
#include "common/job/envelope.h"
#include "common/mq/mq.h"
#include "common/probe/pools.h"
#include "workers/runtime/runtime.h"

#include <pthread.h>
#include <stdatomic.h>

enum
{
    RUNTIME_BATCH = 256,     /* jobs of one claim or one settling at most */
    RUNTIME_HELD_MAX = 1024, /* jobs that a process holds at most, however fast they are */
    JOB_FIRST_BYTES = 1024,  /* the claim of an ordinary job */
    JOB_ARENA_BYTES = 32 * 1024 * 1024,
    JOB_FOLLOWS = 8,
    JOB_TEXT_MAX = 256 * 1024, /* bytes of a result, a checkpoint, and what is told of progress, each */
    DONE_NOTES = 4096,         /* that wait to be removed; the sweeper does it for the others */
    EAGER_KEPT = 512,          /* given jobs that are remembered until their wake-ups come */
    OFFER_AGAIN_MS = 1000,     /* an offer that nobody took is repeated */
    PROBATION_MS = 1000        /* how long a job that may be poison stays the only newcomer */
};

/* A row of `claims`, shared by the jobs that were claimed together; removed when the last has been settled.
 */
struct note
{
    int64_t id;
    int left;  /* jobs that run and share it */
    bool lost; /* one could not be begun or ended: the sweeper takes it back, and needs the row */
};

struct job
{
    struct job *next; /* in a queue, or in the list of spare ones */
    struct job *held_next;
    struct job *held_prev;
    struct runtime *runtime;
    struct arena *arena;
    struct mq_delivery *delivery; /* to be acknowledged; NULL when an earlier message did */
    struct job_claim claim;
    struct note *note;
    bool unsettled;                 /* its end could not be written */
    const struct job_kind_row *row; /* NULL: a kind that this worker does not know */
    const struct json *payload;
    int64_t claimed_ms; /* monotonic */
    int64_t started_ms;
    int64_t deadline_ms; /* monotonic; 0: none */
    bool running;        /* a handler has it */

    atomic_bool stop;
    atomic_int stop_code; /* enum err_code */

    /* Left by the handler. */
    const char *result;
    struct job_new *follow; /* JOB_FOLLOWS of them, made with the first */
    size_t follows;
    bool decided; /* job_end was called */
    enum err_code code;
    struct err err;

    pthread_mutex_t lock; /* guards what is below; taken after the runtime's */
    char *progress;
    char *checkpoint;
    bool untold; /* the database does not have them yet */
};

/* A first-in first-out list of jobs. */
struct job_queue
{
    struct job *head;
    struct job *tail;
    int count;
};
void queue_push(struct job_queue *queue, struct job *job);
struct job *queue_pop(struct job_queue *queue);

/* Messages that came and are not claimed yet, by priority. */
struct inbox_item
{
    struct inbox_item *next;
    struct mq_delivery *delivery;
};
struct inbox
{
    struct inbox_item *head;
    struct inbox_item *tail;
    int count;
};

struct lane
{
    struct runtime *runtime;
    enum job_priority priority;
    struct mq_pull *pull;
};

/* A thread of the runtime's own. */
struct stage
{
    struct arena *arena;
    pthread_t thread;
    bool started;
};

struct runtime
{
    struct runtime_config config;
    struct id worker_id; /* of this process's row in workers */
    struct job_claimer claimer;
    struct db_pool *own_pool;     /* intake, settler, keeper: one each */
    struct db_pool *handler_pool; /* the kinds' */
    struct pools pools;           /* both, for metrics */
    struct lane lanes[JOB_PRIORITIES];
    struct mq_sub *cancels;
    struct mq_sub *given;

    /* One thread each, with memory of its own that is made before it. */
    struct stage intake;
    struct stage settler;
    struct stage keeper;
    pthread_t *handlers;
    int handlers_started;
    atomic_llong give_up_ms; /* monotonic; no statement is waited for past it; 0: we are not leaving */

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t intake_news;
    pthread_cond_t ready_news;
    pthread_cond_t ended_news;
    pthread_cond_t stop_news; /* job_wait, keeper */
    struct inbox inbox[JOB_PRIORITIES];
    unsigned turn;               /* of the weighted choice among the three */
    struct inbox lonely;         /* messages of jobs that are claimed alone */
    struct job *suspect;         /* the lonely one on probation */
    int64_t offer_again_ms;      /* monotonic; what was offered has not been taken before then */
    struct id eager[EAGER_KEPT]; /* given jobs whose wake-ups have not come; some are empty */
    unsigned eager_next;
    int eager_count;
    bool bringing; /* the relay may be about to bring newcomers */
    struct job_queue ready;
    struct job_queue ended;
    struct job *held; /* claimed and not yet settled */
    int held_count;
    int running;
    int idle;   /* handlers that wait for a job */
    int window; /* jobs that may be held now */
    bool draining;
    bool stopped;    /* handlers and settler leave when their queues are empty */
    bool registered; /* our row in workers names a connection that lives */
    struct job *spare;
    int spare_count;
    int64_t done_notes[DONE_NOTES]; /* rows of `claims` that tell nothing any more */
    int done_notes_count;
};

/* job.c */
struct job *job_new_of(struct runtime *runtime, const struct job_claim *claim, struct mq_delivery *take);
void job_free(struct job *job);
void job_free_spares(struct runtime *runtime);
void job_stop(struct job *job, enum err_code why);

/* What is claimed together, on its way to the handlers. */
struct starting
{
    struct runtime *runtime;
    struct job_queue jobs;
    struct note *note; /* NULL: no memory; the sweeper removes the row then */
};
/* starting.c: one of the last two ends it. */
struct starting starting_of(struct runtime *runtime, int64_t note);
void starting_add(struct starting *starting, const struct job_claim *claim, struct mq_delivery *take);
void starting_show(struct starting *starting, bool alone);        /* to the handlers */
void starting_return(struct starting *starting, const char *why); /* not begun: handed back */

/* intake.c */
void *intake_run(void *runtime);
void intake_close(struct runtime *runtime); /* after its thread: what came and was not claimed goes back */
void intake_got(void *lane, struct mq_delivery *take);
int intake_room(void *runtime);
void intake_brought(void *runtime, const struct job_claim *claims, size_t count);
bool intake_is_full(const struct runtime *runtime); /* lock held */
/* eager.c */
void eager_offer(struct runtime *runtime);
void eager_heard(void *runtime, const char *subject, const char *data, size_t len);
/* The message wakes a job that this worker has been given without it. */
bool eager_is_woken(struct runtime *runtime, const char *job_id, const struct mq_delivery *delivery);
/* handler.c */
void *handler_run(void *runtime);
/* settler.c */
void *settler_run(void *runtime);
/* keeper.c */
void *keeper_run(void *runtime);
void keeper_heard_cancel(void *runtime, const char *subject, const char *data, size_t len);

/* We are leaving, and the time for it is over: what the database has not answered stays as it is there. */
bool runtime_gives_up(const struct runtime *runtime);
/* Waits on a condition with the lock held, for at most wait_ms. */
void runtime_wait(struct runtime *runtime, pthread_cond_t *cond, int64_t wait_ms);
void runtime_hold(struct runtime *runtime, struct job *job); /* lock held */
/* Lock held; fence -1: any.  NULL: it is not held. */
struct job *runtime_find(struct runtime *runtime, const char *id, int64_t fence);
void runtime_release(struct runtime *runtime,
                     struct job *job); /* lock held; settled, or left to the sweeper */

#endif
