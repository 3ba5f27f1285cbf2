/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outbox.h -- the relay's side of the table outgoing, and where its rows went (relay_batches).
 * The connection's owner calls; blocks; errors are db.h's.
 */
#ifndef SOKOUL_COMMON_STORE_OUTBOX_H
#define SOKOUL_COMMON_STORE_OUTBOX_H

#include "common/base/arena.h"
#include "common/base/id.h"
#include "common/db/db.h"

/* One message: of a row that wakes several jobs there is one for each. */
struct outbox_row
{
    int64_t id;
    int64_t part;       /* 0: the row is this message alone */
    const char *job_id; /* NULL: not a wake-up */
    int64_t epoch;
    const char *subject;
    const char *request_id; /* never NULL */
    const char *body;
    bool alone;
};

/* A free slot of a worker that announced itself idle. */
struct job_recipient
{
    struct id worker_id;
    int64_t lease_ms;
    int64_t stamp; /* its own clock */
};

/* Wake-ups that were just written, as the relay would read them; not committed yet. */
struct just_committed
{
    struct outbox_row *rows;
    size_t count;
    const struct job_claim *handed_off; /* the job of rows[0], when `recipient` has it already; else NULL */
    struct job_recipient recipient;
};
struct job_new;
/* The first wake-up of a job that was just accepted; in the arena. False: no memory, or no worker. */
bool outbox_row_of(struct arena *arena, const struct job_new *job, int64_t wake, struct outbox_row *row);

/* Which rows to take: those that have been due for `age_ms`, or, where the subject is LIKE `local`, for
 * `local_age_ms`, which is not more; and not those whose subject is LIKE `except`.  Both patterns may be
 * NULL. */
struct outbox_ask
{
    int64_t max;      /* jobs and messages; the last row may be one of several jobs, and exceed it */
    int64_t max_high; /* of them, urgent ones; 0: all others go before them */
    int64_t age_ms;
    int64_t local_age_ms;
    int64_t shared_age_ms; /* the same for what several jobs share and job_store_claim_local can claim */
    const char *local;
    const char *except;
};
struct outbox_taken
{
    struct outbox_row *rows; /* the urgent ones first */
    size_t count;
    int64_t jobs; /* those that are gone are counted, too, and not answered */
};
/* Deletes due rows inside the open transaction and answers them: commit only when JetStream has confirmed
 * all, else roll back. */
MUST_USE enum err_code outbox_store_take(struct db *db, struct arena *arena, const struct outbox_ask *ask,
                                         struct outbox_taken *taken, struct err *err);

/* After a confirmation in part, in a new transaction: these go, what else their rows wake stays in them. */
MUST_USE enum err_code outbox_store_confirm(struct db *db, struct arena *arena,
                                            const struct outbox_row *const *rows, size_t count,
                                            struct err *err);

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
