/* SPDX-License-Identifier: Apache-2.0 */
/* internal.h -- what relay.c, fresh.c, local.c and messages.c share.  Nobody outside common/outbox includes
 * it. */
#ifndef SOKOUL_COMMON_OUTBOX_INTERNAL_H
#define SOKOUL_COMMON_OUTBOX_INTERNAL_H

#include "common/base/id.h"
#include "common/db/db.h"
#include "common/healing/streams.h"
#include "common/mq/mq.h"
#include "common/outbox/outbox.h"
#include "common/store/jobs.h"
#include "common/store/outbox.h"

#include <pthread.h>
#include <stdatomic.h>

/* What the relay knows of rows that its local worker might take at once. */
enum crowd
{
    CROWD_NONE,   /* few: they go to the broker */
    CROWD_DUE,    /* as many as were asked for: there may be more */
    CROWD_SERVED, /* and the local worker has had its turn since the broker had */
    CROWD_OTHERS  /* many, and none that it can take: they go to the broker in large batches */
};

/* What idle workers have offered (offers.c). */
enum
{
    OFFERS_MAX = 16
};
struct standing
{
    struct id worker_id;
    char worker[JOB_SUBJECT_SIZE];
    int64_t lease_ms;
    int64_t stamp;
    int64_t room;     /* for so many jobs more */
    int64_t until_ms; /* monotonic */
};
struct offers
{
    struct mq *mq; /* borrowed; NULL: this program gives no jobs away */
    struct mq_sub *sub;
    struct arena *arena;  /* of the subscription's thread */
    pthread_mutex_t lock; /* guards the list */
    struct standing list[OFFERS_MAX];
};
MUST_USE enum err_code offers_open(struct offers *offers, struct mq *mq, struct err *err);
void offers_close(struct offers *offers);
/* Tells the taker of its job. What gets lost it finds by itself (keep.c). */
void offers_tell(struct offers *offers, const struct outbox_fresh *fresh);

struct outbox
{
    struct mq *mq;
    struct db_pool *pool; /* of one connection */
    int wake_fd;          /* eventfd: rows were committed in this process */
    int later_fd;         /* timerfd: rows that wait for company */
    int news_fd;          /* epoll: one of these two */
    int stop_fd;          /* eventfd: never read, so that every waiter sees it */
    atomic_bool stopping;
    atomic_llong give_up_ms; /* monotonic; no statement is waited for past it; 0: there is time */
    atomic_bool own;         /* what woke the relay was a commit of this process */
    atomic_bool later;       /* later_fd has been set */
    atomic_bool starved;     /* it waits for room in the local worker */
    pthread_t relay;

    pthread_mutex_t fresh_lock; /* guards the list of rows to be published without being read */
    struct fresh *fresh;
    struct fresh *fresh_last;
    size_t fresh_count;

    struct offers offers;

    atomic_bool closing;        /* the local worker takes no more */
    pthread_mutex_t local_lock; /* guards local, and is held while it is asked or given something */
    struct outbox_local local;  /* .worker NULL: none */
    char local_subjects[64];    /* LIKE */

    /* The relay thread's own. */
    struct mq_publisher *publisher;
    int verified; /* mq_connections() when streams were looked at last */
    struct stream_now stream;
    unsigned turn;            /* every fourth time urgent rows do not go first */
    unsigned bring_turn;      /* likewise crowds, among what is brought to the local worker */
    int64_t no_room_since_ms; /* 0: there was room */
    enum crowd crowd;
    bool cut_short;         /* the local worker had no room for all that is due */
    int64_t looked_ms;      /* when it asked the table last */
    int64_t past_ms;        /* when it looked past the rows of a busy local worker last */
    bool complained;        /* the log says that NATS is away */
    bool proven;            /* JetStream has been there since we started */
    int64_t doubt_until_ms; /* it was not, a moment ago */
};

/* A row with its texts behind it; freed with free(). */
struct fresh
{
    struct fresh *next;
    int64_t at_ms; /* monotonic */
    struct outbox_row row;
    char texts[];
};
void fresh_add(struct outbox *outbox, const struct outbox_row *row);
/* The relay's part: publishes what is there, a batch at least, and goes on until nothing is left or that time
 * has come: it has other things to look after. Rows that stay for any reason the next round finds in the
 * table. */
MUST_USE enum err_code fresh_publish(struct outbox *outbox, struct db *db, struct arena *arena,
                                     int64_t until_ms, struct err *err);
void fresh_drop(struct outbox *outbox);
bool fresh_waits(struct outbox *outbox);

enum
{
    RELAY_BATCH = 1000,
    RELAY_CONFIRM_MS = 1800 /* with the SQL around it no transaction is open for more than 2 s */
};

struct batch
{
    struct outbox_row *rows;
    struct mq_message *messages;
    size_t count;
};

/* The messages for the rows of a batch. */
MUST_USE enum err_code batch_write(struct arena *arena, struct batch *batch, struct err *err);
/* Where the confirmed wake-ups of JOBS went; max_seq 0: there are none. */
struct outbox_batch batch_noted(const struct outbox *outbox, const struct batch *batch);

/* With local_lock held.  Room in the local worker; -1: there is none. */
int local_room(struct outbox *outbox);
/* A worker that has no room but works fast: its rows wait for it; a slow one's go out. */
bool local_is_worth_waiting(const struct outbox *outbox, int room);
/* How long rows must have been due to be ours now. */
struct hold
{
    int64_t own_ms; /* of subjects of the local worker */
    int64_t others_ms;
};
/* Claims for the local worker what is due and it has room for, in one transaction that needs no broker. The
 * worker is told of the end in any case. */
MUST_USE enum err_code local_bring(struct outbox *outbox, struct db *db, struct arena *arena, int room,
                                   const struct hold *hold, size_t *brought, struct err *err);

/* The same from crowds. When there is none the worker is not told yet: its room is still to be used. */
MUST_USE enum err_code local_bring_crowd(struct outbox *outbox, struct db *db, struct arena *arena, int room,
                                         const struct hold *hold, size_t *brought, struct err *err);

/* Both in turn, until nothing is due that it has room for: what is done while JetStream is away. */
MUST_USE enum err_code local_go_on(struct outbox *outbox, struct db *db, struct arena *arena,
                                   const struct hold *hold, struct err *err);

void *relay_run(void *outbox);

/* We stop, and the time for the last look is over. */
bool outbox_gives_up(const struct outbox *outbox);

/* Wakes the relay. */
void outbox_signal(struct outbox *outbox);

/* Sleeps, unless stopped. */
void wait_stop(struct outbox *outbox, int64_t wait_ms);

#endif
