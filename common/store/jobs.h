/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobs.h -- every transaction in a job's life (tables jobs, job_results, job_history, outgoing, dead_letters,
 * idempotency_keys).
 *
 * Each function is one transaction or one statement, and takes part in an open one when the
 * caller began it.  Rules: docs/model; the unique index decides, every write of a worker is
 * guarded by status and fence, whatever makes a job claimable writes a new outbox row.
 * Errors are db.h's.  Texts of results live in the arena that was given.
 *
 * Threads: the connection's owner.  Blocks.
 */
#ifndef SOKOUL_COMMON_STORE_JOBS_H
#define SOKOUL_COMMON_STORE_JOBS_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/db/db.h"
#include "common/job/job.h"

/* ---- accepting ------------------------------------------------------------------------------ */

struct job_new
{
    const char *job_id; /* a new id_new() */
    const char *kind;
    const char *worker; /* a token; NULL: job_worker_of(kind), which knows the product's kinds only */
    const char *user_id;
    const char *request_id;
    const char *payload; /* JSON object */
    enum job_priority priority;
    int64_t run_at_ms;      /* 0: now */
    int64_t deadline_at_ms; /* 0: none */
    const char *unique_key; /* or NULL */
    int64_t unique_s;       /* for so long another one is refused even when this one is over; 0: not then */
    const char *parent_id;  /* or NULL */
};

/* Job rows and their outbox rows, in one statement; atomic.  E_CONFLICT: a job with that id is there, or
 * with that unique key one that lives or was accepted within its unique_s.  Several at once share one
 * statement.  After it has committed, wake the relay (outbox_wake). */
MUST_USE enum err_code job_store_accept(struct db *db, struct arena *arena, const struct job_new *jobs,
                                        size_t count, struct err *err);
/* The same, and answers the wake-ups of those that are due now, for outbox_publish after the commit; there
 * may be fewer of them. */
struct just_committed;
MUST_USE enum err_code job_store_accept_rows(struct db *db, struct arena *arena, const struct job_new *jobs,
                                             size_t count, struct just_committed *committed, struct err *err);
/* One job for a worker that announced itself idle: accepted and claimed for it in the same statement, if that
 * worker is still there and the kind has no limit; else the job waits as ever. committed->handed_off is what
 * it is to be told after the commit. Only where job_may_be_handed_off. */
struct job_recipient;
bool job_may_be_handed_off(const struct job_new *jobs, size_t count);
MUST_USE enum err_code job_store_hand_off(struct db *db, struct arena *arena, const struct job_new *job,
                                          const struct job_recipient *recipient,
                                          struct just_committed *committed, struct err *err);
/* The same, and tells the relays of other processes with the commit; for programs that have none (the CLI).
 * Many of one subject that are due now, of normal priority and without unique_s, share their wake-ups. */
enum
{
    JOB_ROW_MAX = 64 /* jobs that a row of `outgoing` wakes at most; jobs_internal.h says it in SQL */
};
MUST_USE enum err_code job_store_accept_telling(struct db *db, struct arena *arena,
                                                const struct job_new *jobs, size_t count, struct err *err);
/* Tells them of something else that was committed. */
MUST_USE enum err_code job_store_notify(struct db *db, struct err *err);

/* Idempotency: begins by inserting the key inside the open transaction.
 * E_OK with *answer NULL: the key is new, go on, then job_store_key_answer before the commit.
 * E_OK with *answer: the same request was answered before, with this JSON.
 * E_UNPROCESSABLE: same key, another body.  (A request in flight holds the key: the second waits for the
 * first to commit, at most 2 s, then E_CONFLICT.  A slow database alone is E_TIMEOUT, never a conflict.) */
struct job_key
{
    const char *user_id;
    const char *route;     /* "POST /jobs" */
    const char *key;       /* the header */
    const char *body_hash; /* sha-256, hex */
};
MUST_USE enum err_code job_store_key_begin(struct db *db, struct arena *arena, const struct job_key *key,
                                           const char **answer, struct err *err);
MUST_USE enum err_code job_store_key_answer(struct db *db, const struct job_key *key, const char *answer,
                                            struct err *err);

/* ---- reading -------------------------------------------------------------------------------- */

/* The job as GET /jobs/{id} answers it, as JSON text: {id,kind,worker,status,reason,detail,attempts,
 * created_at,started_at,finished_at,result,children,history,...}.  `viewer` NULL sees all, else only its own.
 * E_NOT_FOUND: not there, or not theirs. */
MUST_USE enum err_code job_store_get(struct db *db, struct arena *arena, const char *job_id,
                                     const char *viewer, const char **json, struct err *err);

/* Many of them in one round trip; jsons[i] is NULL where there is none (or not theirs). */
enum
{
    JOB_MAX_LOOKS = 64
};
struct job_look
{
    const char *job_id;
    const char *viewer;
};
MUST_USE enum err_code job_store_get_many(struct db *db, struct arena *arena, const struct job_look *looks,
                                          size_t n, const char **jsons, struct err *err);

/* All jobs that belong together with this one: from its topmost parent down, at most JOB_GRAPH_MAX of them
 * and JOB_GRAPH_DEPTH levels, parents before their children and siblings in the order of their ids.  The
 * first is the root, whose parent_id is NULL.  Children of another user are left out.  E_NOT_FOUND: no such
 * job. */
enum
{
    JOB_GRAPH_MAX = 1000,
    JOB_GRAPH_DEPTH = 32
};
struct job_node
{
    const char *job_id;
    const char *parent_id;
    const char *kind;
    const char *status;
    const char *reason; /* or NULL */
    int64_t created_ms;
    int64_t finished_ms; /* 0: not yet */
    int level;           /* 0 is the root */
};
MUST_USE enum err_code job_store_graph(struct db *db, struct arena *arena, const char *job_id,
                                       const struct job_node **nodes, size_t *count, struct err *err);

struct job_filter
{
    const char *user_id; /* NULL: everybody's */
    const char *status;  /* NULL: any */
    const char *kind;    /* NULL: any */
    const char *before;  /* cursor: job ids smaller than this; NULL: from the newest */
    int64_t limit;
    int64_t offset;
};
/* items: JSON array text, newest first; each as in job_store_get without result and history.
 * total: at most 10,001 are counted; not counted (-1) with `before`. last_id: cursor, NULL at the end. */
struct job_page
{
    const char *items;
    int64_t total;
    const char *last_id;
};
MUST_USE enum err_code job_store_list(struct db *db, struct arena *arena, const struct job_filter *filter,
                                      struct job_page *page, struct err *err);

/* ---- cancel --------------------------------------------------------------------------------- */

/* E_NOT_FOUND as above; E_CONFLICT: it is over already. */
MUST_USE enum err_code job_store_cancel(struct db *db, struct arena *arena, const char *job_id,
                                        const char *viewer, struct err *err);

/* ---- the worker's side ---------------------------------------------------------------------- */

struct job_claim
{
    const char *job_id;
    const char *kind;
    const char *user_id;
    const char *request_id;
    const char *payload;    /* JSON object text */
    const char *checkpoint; /* of an earlier attempt, JSON text or NULL */
    const char *parent_id;  /* or NULL */
    int64_t fence;
    int attempts;           /* this one counted */
    int64_t deadline_at_ms; /* 0: none */
    enum job_priority priority;
    int64_t note; /* the row in `claims` that this claim shares with those it was made with */
    bool limited; /* it holds a place of its kind's limit: job_limit_admit its kind when it is over */
};

struct job_claims
{
    struct job_claim *list; /* in the arena */
    size_t count;
};

struct job_claimer
{
    const char *worker_id; /* row in workers */
    const char *worker;    /* "scout" */
    int64_t lease_ms;
};

/* Claims what is claimable among `ids`; the others are simply not in the answer (*count of them claimed).
 * Jobs marked alone are only claimed when exactly one id is given.  Kinds with a limit are left out. */
MUST_USE enum err_code job_store_claim(struct db *db, struct arena *arena, const struct job_claimer *claimer,
                                       const char *const *ids, size_t n, struct job_claim **claims,
                                       size_t *count, struct err *err);

/* Claims jobs whose wake-ups are due in the outbox, and removes those, for a worker that needs no message:
 * the urgent ones first, then those that share wake-ups, then all others. Low priority, jobs marked alone and
 * kinds with a limit are left out, and stay in the outbox.  A row that wakes more jobs than are wanted
 * keeps those that still wait. */
struct job_local
{
    const char *subjects; /* of the wake-ups, for LIKE */
    int64_t age_ms;       /* how long they must have been due */
    int64_t max;
    int64_t max_first; /* of them, urgent ones and those that share */
    int64_t least;     /* nothing is claimed unless more than that are due, or one that shares */
};
MUST_USE enum err_code job_store_claim_local(struct db *db, struct arena *arena,
                                             const struct job_claimer *claimer, const struct job_local *ask,
                                             struct job_claims *claims, struct err *err);

/* Removes rows of `claims` whose jobs have all been settled. One that stays only makes healing look. */
MUST_USE enum err_code job_store_forget_claims(struct db *db, struct arena *arena, const int64_t *notes,
                                               size_t n, struct err *err);

/* What this worker claimed at least min_age_ms ago and the database says it runs. */
struct job_held
{
    const char *job_id;
    int64_t fence;
};
MUST_USE enum err_code job_store_held(struct db *db, struct arena *arena, const char *worker_id,
                                      int64_t min_age_ms, struct job_held **held, size_t *count,
                                      struct err *err);

/* The same for kinds with a limit (limits.h), for what the first has left.  A job that gets no place is not
 * claimed and burns no attempt: it waits until it is called, and its message is no longer needed.  `claimer`
 * and `ids` as above; free when no such kind is among them. */
MUST_USE enum err_code job_store_claim_limited(struct db *db, struct arena *arena,
                                               const struct job_claimer *claimer, const char *const *ids,
                                               size_t n, struct job_claim **claims, size_t *count,
                                               struct err *err);

/* Which of `ids` have no row at all: candidates for adoption (answers a subset, in the arena). */
MUST_USE enum err_code job_store_unknown(struct db *db, struct arena *arena, const char *const *ids, size_t n,
                                         const char ***unknown, size_t *count, struct err *err);

struct envelope;
/* An envelope that nobody accepted: inserted as Running with all its data.  *adopted false: somebody was
 * faster, or its kind has a limit, or it has a unique key: accept it then.  E_NOT_FOUND: its user is
 * unknown.  */
MUST_USE enum err_code job_store_adopt(struct db *db, struct arena *arena, const struct job_claimer *claimer,
                                       const struct envelope *envelope, struct job_claim *claim,
                                       bool *adopted, struct err *err);

/* How one attempt ended. */
struct job_end
{
    const char *job_id;
    int64_t fence;
    enum job_move move; /* JOB_FINISH, JOB_RETRY, JOB_GIVE_UP, JOB_FAIL, JOB_HAND_BACK, JOB_TAKE_BACK */
    int64_t delay_ms;   /* of JOB_RETRY and JOB_HAND_BACK */
    /* Of JOB_GIVE_UP, JOB_FAIL; told in the history otherwise. "waiting" is not told; nor is "paused", with
     * which a job is handed back without a wake-up, until job_limit_admit_all finds its download resumed. */
    const char *reason;
    const char *detail; /* plain words or NULL */
    const char *result; /* of JOB_FINISH: JSON text of at most 256 KiB, or NULL for an empty one */
    bool forgive; /* of JOB_TAKE_BACK: the attempt is given back, and the job claimed alone from now on */
    const char *progress;         /* of JOB_RETRY and JOB_HAND_BACK, as job_store_beat has them */
    const char *checkpoint;       /* likewise */
    const struct job_new *follow; /* jobs that are accepted with it, `follows` of them */
    size_t follows;
};

/* Settles many attempts in one transaction; `mine[i]` tells whether the i-th was still ours.  Follow-up
 * jobs, results and letters come only from those that were. */
MUST_USE enum err_code job_store_settle(struct db *db, struct arena *arena, const struct job_end *ends,
                                        size_t n, bool *mine, struct err *err);

/* Renews the leases of what is still ours, and saves progress and checkpoint where given (NULL: unchanged).
 * Waits for nobody: a row that somebody holds at this moment counts as ours and is not renewed. */
struct job_beat
{
    const char *job_id;
    int64_t fence;
    const char *progress;
    const char *checkpoint;
    bool renewed; /* out */
};
MUST_USE enum err_code job_store_beat(struct db *db, struct arena *arena, int64_t lease_ms,
                                      struct job_beat *beats, size_t n, bool *mine, struct err *err);
/* The cheap question of every second: which are still ours? Writes nothing. */
MUST_USE enum err_code job_store_check(struct db *db, struct arena *arena, const struct job_beat *beats,
                                       size_t n, bool *mine, struct err *err);

/* A message that never became a job: a raw dead letter. `raw_size` counts all of it, raw holds at most 64
 * KiB. */
struct job_raw_letter
{
    const char *subject;
    const char *reason; /* "poison" or "expired" */
    const char *detail;
    const void *raw;
    size_t raw_len;
    size_t raw_size;
    /* Which message it was: the same one, delivered again, makes no second letter.  seq 0: unknown. */
    int64_t seq;
    int64_t stored_ms;
};
MUST_USE enum err_code job_store_bury_raw(struct db *db, struct arena *arena,
                                          const struct job_raw_letter *letter, struct err *err);

/* ---- dead letters --------------------------------------------------------------------------- */

struct letter_filter
{
    const char *kind;   /* NULL: any */
    const char *before; /* cursor */
    int64_t limit;
    int64_t offset;
};
/* Open letters, newest first: {id,job_id,kind,subject,reason,detail,created_at}. */
MUST_USE enum err_code letter_store_list(struct db *db, struct arena *arena,
                                         const struct letter_filter *filter, struct job_page *page,
                                         struct err *err);
/* With {errors, raw (text if it is UTF-8), raw_base64, raw_size, payload}. */
MUST_USE enum err_code letter_store_get(struct db *db, struct arena *arena, const char *letter_id,
                                        const char **json, struct err *err);
/* Replays the letter: the same job again, or a new job from raw bytes. `payload` JSON replaces it, or NULL.
 * In the caller's transaction, which must be open, so that what is written about it is written with it; on
 * failure it must be rolled back.  E_CONFLICT: closed already; E_UNPROCESSABLE: raw bytes that are still no
 * envelope. */
MUST_USE enum err_code letter_store_replay(struct db *db, struct arena *arena, const char *letter_id,
                                           const char *closed_by, const char *payload, const char **job_id,
                                           struct err *err);
/* Closes one (or all, letter_id NULL) without a replay; *closed counts. */
MUST_USE enum err_code letter_store_purge(struct db *db, const char *letter_id, const char *closed_by,
                                          int64_t *closed, struct err *err);

/* ---- healing -------------------------------------------------------------------------------- */

/* A row in `workers` for this connection's backend; the process is dead for us when that backend ends. */
MUST_USE enum err_code worker_store_register(struct db *db, const char *worker_id, const char *worker,
                                             const char *node, struct err *err);
MUST_USE enum err_code worker_store_leave(struct db *db, const char *worker_id, struct err *err);
/* The names under which processes are registered, each once; in the arena, at most 100. */
MUST_USE enum err_code worker_store_names(struct db *db, struct arena *arena, const char ***names,
                                          size_t *count, struct err *err);
/* Of all that heal a database one has the turn, for as long as its connection lives. */
MUST_USE enum err_code healing_store_turn(struct db *db, bool *mine, struct err *err);
/* Takes the turn from whoever has it and has been silent for 10 s; the next healing_store_turn may get it. */
MUST_USE enum err_code healing_store_unseat(struct db *db, int64_t *unseated, struct err *err);
/* Takes back the jobs of dead or frozen workers (at most 20,000); counts the moves.  Dead: its connection
 * is missing, at two looks 0.7 s apart, on the very server where it was registered.  Frozen: a lease is over
 * and both this server and this connection are older than a lease.  Call about twice a second. */
MUST_USE enum err_code job_store_take_back(struct db *db, struct arena *arena, int64_t lease_ms,
                                           int64_t *moved, struct err *err);

/* What the stream looks like, for the scan. */
struct job_consumer
{
    const char *worker;
    enum job_priority priority;
    int64_t delivered_seq; /* every message up to here was delivered at least once */
    int64_t acked_seq;     /* ... and acknowledged */
};
struct job_stream
{
    const char *stream; /* incarnation */
    int64_t ack_wait_ms;
    const struct job_consumer *consumers;
    size_t count;
};
/* One step of a scan of all jobs, the newest first.  Pending, due jobs of those consumers whose message is
 * gone get a new wake-up; Running jobs whose lease is over and that no claim record names get a new record,
 * by which they are taken back. */
enum
{
    JOB_SCAN_STEP = 20000
};
struct job_scan
{
    char before[40]; /* the last id that was looked at; "" begins anew, and is what the end leaves */
    int64_t woken;   /* by this step */
};
MUST_USE enum err_code job_store_scan(struct db *db, struct arena *arena, const struct job_stream *stream,
                                      struct job_scan *scan, struct err *err);
/* Workers and priorities, each pair once, whose jobs run and began at least that long ago; the numbers of the
 * consumers are not filled in. */
MUST_USE enum err_code job_store_busy(struct db *db, struct arena *arena, int64_t min_age_ms,
                                      struct job_consumer **busy, size_t *count, struct err *err);
/* Removes what is left of claims of workers that died or that never remove them. */
MUST_USE enum err_code job_store_tidy_claims(struct db *db, struct arena *arena, int64_t lease_ms,
                                             struct err *err);

/* For the gauges. */
struct job_counts
{
    int64_t queued; /* for their kind's limit */
    int64_t outbox;
    int64_t oldest_ms; /* so long the oldest due row of the outbox has waited; 0: none is due */
    int64_t open_letters;
};
MUST_USE enum err_code job_store_counts(struct db *db, struct job_counts *counts, struct err *err);

/* The jobs of a kind that Postgres knows the whereabouts of; the others lie in JetStream. */
struct job_backlog
{
    const char *kind;
    int64_t waiting;   /* due, in the outbox or queued for a limit */
    int64_t running;   /* under claims: the stream may still hold their messages */
    int64_t oldest_ms; /* so long the oldest of those that wait has been due */
};
/* In the arena; kinds with nothing are left out. */
MUST_USE enum err_code job_store_backlog(struct db *db, struct arena *arena, struct job_backlog **kinds,
                                         size_t *count, struct err *err);

#endif
