/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime.h -- the job loop, written once: fetch, claim, run, heartbeat, settle, drain.
 *
 *   JetStream --> inbox --> intake --claim--> ready --> handlers --> ended --> settler --commit, ack-->
 *                             |                 ^                    ^
 *                  not claimed: adopt.h         |  handed back: ----/
 *                        claimed by the relay of this process, or given by who accepted it
 *
 *   and the keeper beside them: presence, leases, deadlines, cancels, jobs that are no longer ours
 *
 * A worker program is a table of kinds; see workers/scout/main.c.  A handler is linear,
 * blocking code on a thread of its own: it reads the job, does the work, leaves a result and
 * returns E_OK or a failure; common/job/settle.h decides what that means.  It never writes a
 * job's state, never publishes and never acknowledges.
 *
 * Batches form by themselves: whatever is there when a stage comes round goes together.
 */
#ifndef SOKOUL_WORKERS_RUNTIME_RUNTIME_H
#define SOKOUL_WORKERS_RUNTIME_RUNTIME_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/db/db.h"
#include "common/json/json.h"
#include "common/store/jobs.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct runtime;
struct job;
struct mq;
struct outbox;
struct health;

/* ---- what a handler sees -------------------------------------------------------------------- */

const char *job_id(const struct job *job);
const char *job_user(const struct job *job);
int job_attempt(const struct job *job);   /* 1 is the first */
int64_t job_fence(const struct job *job); /* for writes of one's own, under the guard of the job */
struct arena *job_arena(struct job *job); /* lives until the job has been settled; 32 MiB at most */
/* The payload, an object; parsed once. NULL when it does not fit in memory. */
const struct json *job_payload(struct job *job);
/* What an earlier attempt saved; NULL when there is nothing. */
const char *job_checkpoint(const struct job *job);
void *job_context(const struct job *job); /* what the program gave to runtime_start */

/* A connection of the worker's pool; put it back before long waits. */
MUST_USE enum err_code job_db(struct job *job, struct db **db, struct err *err);

/* JSON text of at most 256 KiB, borrowed until the job has been settled (put it in the arena). */
void job_set_result(struct job *job, const char *json);
/* The same from a buffer that was written with json_writer; frees it. */
MUST_USE enum err_code job_take_result(struct job *job, struct buf *take, struct err *err);
/* Saved with the next renewal of the lease, so at a third of it at the latest, and when the attempt ends
 * without success; a crash before that loses it. Texts are copied. NULL leaves it as it is. False: one has
 * more than 256 KiB, and neither is taken; or no memory. */
bool job_set_progress(struct job *job, const char *progress, const char *checkpoint);
/* Accepted together with the job's success; texts borrowed as above. Its parent is this job, and request and
 * user are this job's, where it names no other. False: more than 8, or out of memory. */
bool job_follow(struct job *job, const struct job_new *follow);

/* In a batch: how this one ends, whatever becomes of the others. */
void job_end(struct job *job, const struct err *why);

/* True: end soon, and return job_stop_reason.  For calls that take a flag, there is the flag itself. */
bool job_should_stop(const struct job *job);
const atomic_bool *job_stop_flag(const struct job *job);
/* E_LOST (cancelled, or taken by another), E_SHUTDOWN, E_DEADLINE; E_OK while it may go on. */
enum err_code job_stop_reason(const struct job *job, struct err *err);
/* Sleeps; E_OK after the whole time, else as job_stop_reason. */
MUST_USE enum err_code job_wait(struct job *job, int64_t wait_ms, struct err *err);

/* ---- what a program gives ------------------------------------------------------------------- */

struct job_kind_row
{
    const char *kind;
    enum err_code (*run)(struct job *job, struct err *err);
    int64_t timeout_ms; /* of one attempt; 0: none */
    /* Or, instead of run: whatever waits of the kind goes together, at most batch_max (0: 256) and at least
     * one; nothing is waited for. What it returns is how all of them end for which it did not call job_end.
     */
    enum err_code (*run_batch)(struct job *const *jobs, size_t count, struct err *err);
    int batch_max;
};

struct runtime_config
{
    const char *worker; /* "scout" */
    const char *node;
    const char *database_url;
    const struct job_kind_row *kinds;
    size_t kinds_count;
    int concurrency;
    int db_pool_size; /* of the handlers; the runtime's own three come on top */
    int lease_ms;
    int drain_ms;
    int retention_days; /* an envelope older than this is dead on arrival */
    void *context;
    struct mq *mq; /* borrowed */
    struct outbox
        *outbox; /* borrowed: woken after retries and hand-backs; claims jobs for it (outbox_local) */
    struct health *health; /* borrowed: told what the runtime sees */
};

/* Starts all threads; database and NATS may be away. */
MUST_USE enum err_code runtime_start(const struct runtime_config *config, struct runtime **runtime,
                                     struct err *err);
/* Takes no new job, lets what runs finish within drain_ms, hands the rest back and waits for all threads: 6 s
 * more at most, whatever the database does; what it has not answered by then others take back.  False: a
 * handler does not end though it was told to.  Then its threads have been left to themselves, nothing has
 * been freed, and nothing that handlers may use must be: end the process, and do not ask again. */
MUST_USE bool runtime_stop(struct runtime *runtime);

#endif
