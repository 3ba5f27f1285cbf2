/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outbox.h -- the relay's side of the tables outbox and crowds, and where its rows went (relay_batches).
 * The connection's owner calls; blocks; errors are db.h's.
 */
#ifndef SOKOUL_COMMON_STORE_OUTBOX_H
#define SOKOUL_COMMON_STORE_OUTBOX_H

#include "common/base/arena.h"
#include "common/base/id.h"
#include "common/db/db.h"

struct outbox_row
{
    int64_t id;         /* of a crowd: its wake, which all its jobs share */
    const char *job_id; /* NULL: not a wake-up */
    int64_t epoch;
    const char *subject;
    const char *request_id; /* never NULL */
    const char *body;
    bool alone;
    bool crowd; /* it is one of a row of `crowds` */
};

/* One job's worth of an idle worker. */
struct outbox_offer
{
    struct id worker_id;
    int64_t lease_ms;
    int64_t stamp; /* its own clock */
};

/* Wake-ups that were just written, as the relay would read them; not committed yet. */
struct outbox_fresh
{
    struct outbox_row *rows;
    size_t count;
    const struct job_claim *given; /* the job of rows[0], when `taker` has it already; else NULL */
    struct outbox_offer taker;
};
struct job_new;
/* The first wake-up of a job that was just accepted; in the arena. False: no memory, or no worker. */
bool outbox_row_of(struct arena *arena, const struct job_new *job, int64_t wake, struct outbox_row *row);

/* Which rows to take: at most `max`, of them at most `max_high` that are urgent; those that have been due for
 * `hold_ms`, or, where the subject is LIKE `own`, for `own_hold_ms`, which is not more; and not those whose
 * subject is LIKE `except`.  Both patterns may be NULL. */
struct outbox_ask
{
    int64_t max;
    int64_t max_high;
    int64_t hold_ms;
    int64_t own_hold_ms;
    const char *own;
    const char *except;
};
/* Deletes due rows inside the open transaction and answers them, the urgent ones first: commit only when
 * JetStream has confirmed all, else roll back.  Rows whose job is gone are deleted and not answered; *taken
 * counts them too. */
MUST_USE enum err_code outbox_store_take(struct db *db, struct arena *arena, const struct outbox_ask *ask,
                                         struct outbox_row **rows, size_t *count, size_t *taken,
                                         struct err *err);

/* The same for crowds, whole rows of them, one at least; ask.max_high says nothing. */
MUST_USE enum err_code outbox_store_take_crowds(struct db *db, struct arena *arena,
                                                const struct outbox_ask *ask, struct outbox_row **rows,
                                                size_t *count, size_t *taken, struct err *err);

/* After a partial confirmation: crowds with these wakes are no more; their jobs that still wait get rows of
 * outbox, but for those that were `sent`. */
MUST_USE enum err_code outbox_store_spread(struct db *db, struct arena *arena, const int64_t *wakes,
                                           size_t count, const char *const *sent, size_t sent_count,
                                           struct err *err);

/* After a partial confirmation: deletes just these, in the open transaction. */
MUST_USE enum err_code outbox_store_delete(struct db *db, struct arena *arena, const int64_t *ids,
                                           size_t count, struct err *err);

struct outbox_batch
{
    const char *stream; /* incarnation */
    int64_t min_wake;
    int64_t max_wake;
    int64_t max_seq;
};
/* *current false: the stream counts as another one by now; ask for its incarnation. */
MUST_USE enum err_code outbox_store_note(struct db *db, struct arena *arena, const struct outbox_batch *batch,
                                         bool *current, struct err *err);
/* Both at once: the rows were published without having been taken. */
MUST_USE enum err_code outbox_store_sent(struct db *db, struct arena *arena, const int64_t *ids, size_t count,
                                         const struct outbox_batch *batch, bool *current, struct err *err);
/* The highest sequence number that was noted of the stream as it is now; 0 if it is another one.  To be asked
 * for before the stream is asked where it is. */
MUST_USE enum err_code outbox_store_known_seq(struct db *db, const char *created, int64_t *seq,
                                              struct err *err);
/* The stream's incarnation, "<created>#<rollbacks>": another one when it was made anew, or when its last
 * sequence number is below one that was noted, which means that it was set back to an older copy. One
 * transaction. */
struct outbox_stream
{
    const char *incarnation;
    bool swept; /* every job has been looked at since it is this one */
};
MUST_USE enum err_code outbox_store_incarnation(struct db *db, struct arena *arena, const char *created,
                                                int64_t last_seq, int64_t known_seq,
                                                struct outbox_stream *stream, struct err *err);
MUST_USE enum err_code outbox_store_swept(struct db *db, const char *incarnation, struct err *err);
/* Forgets batches that no longer say anything: passed by every consumer, or of streams that are gone. */
MUST_USE enum err_code outbox_store_forget(struct db *db, struct arena *arena, const char *stream,
                                           int64_t passed_seq, struct err *err);

#endif
