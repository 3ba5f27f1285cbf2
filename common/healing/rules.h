/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules.h -- what healing decides, apart from what it does: pure functions over facts, without I/O, clock or
 * memory of their own.  Each has a table of rows in tests/unit/common/healing/rules_test.c.  Whom a dead
 * worker's jobs blame stands in common/job/settle.h, what a schedule does that is due in common/job/firing.h;
 * which queued job a free place goes to is decided under its lock, by common/store/limits.c.
 */
#ifndef SOKOUL_COMMON_HEALING_RULES_H
#define SOKOUL_COMMON_HEALING_RULES_H

#include "common/job/job.h"
#include "common/mq/mq.h"

#include <stdbool.h>
#include <stdint.h>

/* ---- which tasks a round runs --------------------------------------------------------------- */

enum task_who
{
    TASK_OF_HOLDER, /* of the turn */
    TASK_OF_OTHERS,
    TASK_OF_ALL
};

enum task_needs
{
    TASK_NEEDS_DATABASE,
    TASK_NEEDS_NATS
};

struct task_facts
{
    enum task_who who;
    enum task_needs needs;
    bool has_turn;
    bool nats_up;
    int64_t due_ms;
    int64_t now_ms;
};

/* TASK_LEFT_OUT: it is due and may not run; its next time is counted from now all the same, so that nobody
 * who gets the turn has to make up for what the one before has done. */
enum task_verdict
{
    TASK_WAITS,
    TASK_LEFT_OUT,
    TASK_RUNS
};
enum task_verdict task_decide(const struct task_facts *facts);

/* ---- the scan of all jobs for lost wake-ups ------------------------------------------------- */

/* It goes through the jobs step by step, newest first, and round and round.  When the stream is another one
 * than at the latest complete scan, what was in the old one is lost; when the database was restarted, claims
 * may be, whose messages somebody acknowledged.  Then it begins anew and its steps follow each other fast. */
struct scan_facts
{
    bool scanned;     /* the database says that a scan was completed for this stream, on this server */
    bool in_doubt;    /* our connection was lost since, and perhaps the server with it */
    bool same_stream; /* the scan that is under way began for this stream */
};

enum scan_pace
{
    SCAN_STEADY,
    SCAN_FAST,
    SCAN_FAST_ANEW /* from the newest job */
};
enum scan_pace scan_decide(const struct scan_facts *facts);

enum scan_end
{
    SCAN_AT_END, /* the step came to the oldest job */
    SCAN_AMID
};
enum scan_next
{
    SCAN_NEXT_IN_TIME,
    SCAN_NEXT_AT_ONCE,
    SCAN_COMPLETE /* of all jobs, for this stream: worth remembering */
};
enum scan_next scan_after(enum scan_pace pace, enum scan_end end);

/* ---- streams that look wrong ---------------------------------------------------------------- */

/* A server that has just deleted a stream or consumer is left MEND_AFTER_MS to finish: one that is made
 * meanwhile may deliver nothing. */
enum
{
    MEND_AFTER_MS = 1000
};
struct mend_facts
{
    bool looks_wrong; /* a ping or a pull has seen it since the latest round */
    int64_t at_ms;    /* when the streams are to be mended; 0: nothing looked wrong until now */
    int64_t now_ms;
};
enum mend_verdict
{
    MEND_NOTHING,
    MEND_LATER,
    MEND_NOW
};
enum mend_verdict mend_decide(const struct mend_facts *facts);

/* ---- consumers ------------------------------------------------------------------------------ */

/* A server that was killed may remember acknowledgements and not the removals that they meant.  It may
 * remember messages as unacknowledged that it has no more: it tries to deliver them again and again, one for
 * each request, before all others, and what lies behind them is never done with.  It may have a message that
 * it never delivers again, or, when it led the stream, one that the consumer does not know of.  And a
 * consumer that was made too soon after another of its name had gone delivers nothing, to no request. */
struct consumer_facts
{
    struct mq_consumer is; /* as NATS says it */
    int64_t first_seq;     /* of the stream */
    int64_t in_stream;     /* messages for it, when the stream is uneven; else 0 */
    bool uneven;           /* the stream has more or fewer messages than its consumers account for */
    bool busy;             /* its worker has had jobs at work for long: a reason to be where it was */
};

/* Where the consumer was without being done, and at how many scans more it was found there. */
struct consumer_watch
{
    int64_t floor; /* 0: it is not watched */
    int again;
};

enum consumer_verdict
{
    CONSUMER_GETS_ON,
    CONSUMER_WATCHED,
    CONSUMER_KEEPS_ACKED, /* the stream still has what it acknowledged: to be removed there */
    CONSUMER_STALLED      /* to be made anew; it then delivers all that the stream has for it */
};

struct consumer_decision
{
    enum consumer_verdict verdict;
    struct consumer_watch watch; /* for the next scan */
};
struct consumer_decision consumer_decide(const struct consumer_facts *facts, struct consumer_watch was);

/* Whether messages of this subject of JOBS are for the worker's consumer of that priority. */
bool consumer_takes(const char *subject, const char *worker, enum job_priority priority);

#endif
