/* SPDX-License-Identifier: Apache-2.0 */
/* internal.h -- what the relay's files share.  Nobody outside common/outbox includes it. */
#ifndef SOKOUL_COMMON_OUTBOX_INTERNAL_H
#define SOKOUL_COMMON_OUTBOX_INTERNAL_H

#include "common/base/id.h"
#include "common/db/db.h"
#include "common/healing/streams.h"
#include "common/mq/mq.h"
#include "common/outbox/outbox.h"
#include "common/outbox/plan.h"
#include "common/store/jobs.h"
#include "common/store/outbox.h"

#include <pthread.h>
#include <stdatomic.h>

/* Workers that announced themselves idle (handoff.c). */
enum
{
    RECIPIENTS_MAX = 16
};
struct announced
{
    struct id worker_id;
    char worker[JOB_SUBJECT_SIZE];
    int64_t lease_ms;
    int64_t stamp;
    int64_t slots;    /* for so many jobs more */
    int64_t until_ms; /* monotonic */
};
struct recipients
{
    struct mq *mq; /* borrowed; NULL: this program hands nothing off */
    struct mq_sub *sub;
    struct arena *arena;  /* of the subscription's thread */
    pthread_mutex_t lock; /* guards the list */
    struct announced list[RECIPIENTS_MAX];
};
MUST_USE enum err_code recipients_open(struct recipients *recipients, struct mq *mq, struct err *err);
void recipients_close(struct recipients *recipients);
/* Tells the recipient of its job. What gets lost it finds by itself (keep.c). */
void recipients_tell(struct recipients *recipients, const struct just_committed *committed);

/* Rows that were committed in this process a moment ago (committed.c). */
struct committed_row;
struct committed
{
    pthread_mutex_t lock; /* guards the list */
    struct committed_row *first;
    struct committed_row *last;
    size_t count;
};

/* The worker of this process (local.c). */
struct local_name
{
    struct id worker_id;
    int64_t lease_ms;
    char subjects[64]; /* LIKE; "" : there is no worker */
};
struct local
{
    pthread_mutex_t
        lock; /* guards all below but is_full; never held while anybody else is asked something slow */
    pthread_cond_t ended;
    struct outbox_local to; /* .worker NULL: none */
    struct local_name name;
    bool busy;           /* between local_begin and local_end, with free slots */
    bool closing;        /* it takes no more */
    atomic_bool is_full; /* it tells when it has a free slot again */
};

struct outbox
{
    struct mq *mq;
    struct db_pool *pool; /* of one connection */
    int wake_fd;          /* eventfd: rows were committed in this process */
    int stop_fd;          /* eventfd: never read, so that every waiter sees it */
    atomic_bool stopping;
    atomic_llong give_up_ms; /* monotonic; no statement is waited for past it; 0: there is time */
    atomic_bool own;         /* what woke the relay was a commit of this process */
    pthread_t relay;

    struct committed committed;
    struct recipients recipients;
    struct local local;

    /* The relay thread's own. */
    struct mq_publisher *publisher;
    int verified; /* mq_connections() when streams were looked at last */
    struct stream_now stream;
    struct relay_state state;
    struct local_name served; /* whom it serves in this step */
    bool complained;          /* the log says that NATS is away */
};

enum
{
    RELAY_CONFIRM_MS = 1800 /* with the SQL around it no transaction is open for more than 2 s */
};

struct batch
{
    struct outbox_row *rows;
    struct mq_message *messages;
    size_t count;
};

/* committed.c */
void committed_add(struct outbox *outbox, const struct outbox_row *row); /* copies it */
/* The oldest, at most `max`; the caller frees them, when the batch whose texts they hold is done with. */
struct committed_row *committed_take(struct outbox *outbox, size_t max);
bool committed_batch(struct arena *arena, const struct committed_row *first, struct batch *batch);
void committed_free(struct committed_row *first);
bool committed_waits(struct outbox *outbox);
void committed_forget(struct outbox *outbox); /* the table has them */

/* publish.c; the arena is the caller's to reset.  E_UNAVAILABLE, E_NOT_FOUND: the broker refused. */
MUST_USE enum err_code publish_committed(struct outbox *outbox, struct db *db, struct arena *arena,
                                         struct err *err);
MUST_USE enum err_code publish_due(struct outbox *outbox, struct db *db, struct arena *arena,
                                   const struct relay_plan *plan, int64_t *jobs, struct err *err);
/* messages.c: the messages for the rows of a batch. */
MUST_USE enum err_code batch_write(struct arena *arena, struct batch *batch, struct err *err);
/* Where the confirmed wake-ups of JOBS went; max_seq 0: there are none. */
struct outbox_batch batch_noted(const struct outbox *outbox, const struct batch *batch);

/* local.c */
void local_init(struct local *local);
void local_fini(struct local *local);
/* Its free slots, or RELAY_NO_WORKER.  It keeps them until local_end, which is called in any case. */
int local_begin(struct outbox *outbox);
void local_end(struct outbox *outbox, const struct job_claim *claims, size_t count);
/* Claims for it what is due, in one transaction, and ends. */
MUST_USE enum err_code local_claim(struct outbox *outbox, struct db *db, struct arena *arena,
                                   const struct relay_plan *plan, int64_t *claimed, struct err *err);

void *relay_run(void *outbox);

/* We stop, and the time for the last look is over. */
bool outbox_gives_up(const struct outbox *outbox);

/* Wakes the relay. */
void outbox_signal(struct outbox *outbox);

/* Sleeps, unless stopped. */
void wait_stop(struct outbox *outbox, int64_t wait_ms);

#endif
