/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inject.h -- what the files of `job inject` share: the order, and the functions that carry it out.
 *
 *      plan (options) -> accept in batches, to Postgres or (raw) to NATS -> wait -> report
 *
 * Every job has its id before it is sent, so a batch whose outcome is in doubt can be sent again without
 * making second jobs: Postgres refuses the id, JetStream the message id.
 */
#ifndef SOKOUL_CLI_INJECT_H
#define SOKOUL_CLI_INJECT_H

#include "cli/session.h"
#include "common/base/id.h"
#include "common/job/job.h"
#include "common/store/inject.h"

enum
{
    INJECT_BATCH = 1000,          /* jobs of one statement */
    INJECT_SLICE_MS = 5,          /* with --rate: how often something is sent */
    INJECT_FIRST_WAIT_MS = 10000, /* with --wait: patience with servers that are away at the start */
    INJECT_OUTAGE_MS = 300000,    /* patience with servers that go away later */
    INJECT_MAX_COUNT = 1000000
};

struct inject
{
    struct session *session;
    const char *kind;
    const char *worker;
    const char *payload;
    const char *user_id;
    const char *unique_key; /* or NULL */
    int64_t unique_s;       /* 0: only while the job lives */
    enum job_priority priority;
    int64_t run_at_ms;      /* 0: now */
    int64_t deadline_at_ms; /* 0: none */
    int64_t rate;           /* per second; 0: as fast as it goes */
    int64_t wait_s;         /* 0: for ever */
    size_t count;
    struct id *ids;
    char request_id[ID_SIZE + 8];

    size_t sent;
    int64_t started_ns;
    double sending_s;
    struct inject_counts counts; /* as of the latest look */
    bool in_doubt;               /* the present batch may be there already */
    struct arena *scratch;       /* of one batch */
    struct mq *mq;               /* raw only */
    struct mq_publisher *publisher;
};

/* From the options; E_USAGE and E_INVALID say what is wrong. */
MUST_USE enum err_code inject_plan(struct inject *inject, struct session *session, struct err *err);

MUST_USE enum err_code inject_accept(struct inject *inject, size_t from, size_t n, struct err *err);

MUST_USE enum err_code inject_raw_open(struct inject *inject, struct err *err);
void inject_raw_close(struct inject *inject);
MUST_USE enum err_code inject_raw_publish(struct inject *inject, size_t from, size_t n, struct err *err);

/* Waits until all jobs are over; E_STALLED: the time is over. */
MUST_USE enum err_code inject_wait(struct inject *inject, struct err *err);
MUST_USE enum err_code inject_report(struct inject *inject, struct err *err);

/* A line that rewrites itself, on a terminal only. */
void inject_progress(const struct inject *inject);
void inject_progress_end(void);

bool inject_is_waiting(const struct inject *inject); /* --wait */
bool inject_is_raw(const struct inject *inject);
struct inject_batch inject_batch(const struct inject *inject, size_t from, size_t n);

#endif
