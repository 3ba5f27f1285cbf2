/* SPDX-License-Identifier: Apache-2.0 */
/* job inject: makes jobs, at a pace, and waits for them. */
#include "cli/inject.h"
#include "cli/verb.h"
#include "common/base/clock.h"
#include "common/store/jobs.h"

#include <string.h>

enum
{
    SCRATCH_BYTES = 128 << 20,
    BATCH_BYTES = 8 << 20 /* of payloads */
};

/* The outcome of a commit is in doubt: a batch is atomic, so all of its jobs are there or none. */
static enum err_code settle_doubt(struct inject *inject, struct db *db, size_t from, size_t n,
                                  struct err *err)
{
    struct inject_counts counts = {0, 0, 0};
    struct inject_batch batch = inject_batch(inject, from, n);
    struct err inner = ERR_INIT;
    if (!inject->in_doubt)
        return fail(err, E_CONFLICT, "a live %s job with that unique key is there already", inject->kind);
    enum err_code code = inject_store_count(db, &batch, &counts, &inner);
    if (code != E_OK)
    {
        *err = inner;
        return code;
    }
    return counts.total == (int64_t)n ? E_OK : fail(err, E_CONFLICT, "only some of the jobs are there");
}

enum err_code inject_accept(struct inject *inject, size_t from, size_t n, struct err *err)
{
    struct db *db = NULL;
    struct job_new *jobs = arena_array(inject->scratch, n, sizeof *jobs);
    if (jobs == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < n; i++)
        jobs[i] = (struct job_new){.job_id = inject->ids[from + i].text,
                                   .kind = inject->kind,
                                   .worker = inject->worker,
                                   .user_id = inject->user_id,
                                   .request_id = inject->request_id,
                                   .payload = inject->payload,
                                   .priority = inject->priority,
                                   .run_at_ms = inject->run_at_ms,
                                   .deadline_at_ms = inject->deadline_at_ms,
                                   .unique_key = inject->unique_key,
                                   .unique_s = inject->unique_s};
    enum err_code code = session_db(inject->session, &db, err);
    if (code == E_OK)
        code = job_store_accept_telling(db, inject->scratch, jobs, n, err);
    if (code == E_CONFLICT)
        code = settle_doubt(inject, db, from, n, err);
    if (code == E_NOT_FOUND)
        return fail(err, code, "there is no user %s", inject->user_id);
    return code;
}

/* How long an outage may last: once servers have answered, minutes; before that only with --wait, and
 * seconds. */
static int64_t patience_ms(const struct inject *inject)
{
    if (inject->sent > 0)
        return INJECT_OUTAGE_MS;
    return inject_is_waiting(inject) ? INJECT_FIRST_WAIT_MS : 0;
}

static enum err_code send_batch(struct inject *inject, size_t n, struct err *err)
{
    const int64_t until_ms = clock_mono_ms() + patience_ms(inject);
    int wait_ms = 0;
    enum err_code code = E_OK;
    inject->in_doubt = false;
    for (size_t i = inject->sent; i < inject->sent + n; i++)
        inject->ids[i] = id_new();
    do
    {
        arena_reset(inject->scratch);
        code = inject_is_raw(inject) ? inject_raw_publish(inject, inject->sent, n, err)
                                     : inject_accept(inject, inject->sent, n, err);
        if (!session_may_pass(code))
            break;
        inject->in_doubt = true;
        session_db_drop(inject->session);
    } while (session_back_off(&wait_ms, until_ms));
    if (code == E_OK)
        inject->sent += n;
    return code;
}

/* How many jobs the rate has allowed by now. */
static size_t due(const struct inject *inject)
{
    if (inject->rate == 0)
        return inject->count;
    double elapsed_s = (double)(clock_mono_ns() - inject->started_ns) / 1e9;
    double jobs = 1 + elapsed_s * (double)inject->rate;
    return jobs >= (double)inject->count ? inject->count : (size_t)jobs;
}

static void sleep_slice(const struct inject *inject)
{
    double next_s = (double)inject->sent / (double)inject->rate;
    int64_t left_ns = inject->started_ns + (int64_t)(next_s * 1e9) - clock_mono_ns();
    int64_t slice_ns = INJECT_SLICE_MS * INT64_C(1000000);
    int64_t ns = left_ns > slice_ns ? left_ns : slice_ns;
    nanosleep(&(struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000}, NULL);
}

/* Jobs of one statement, fewer of them when their payloads are large. */
static size_t batch_max(const struct inject *inject)
{
    size_t n = BATCH_BYTES / (strlen(inject->payload) + 1);
    return n == 0 ? 1 : n < INJECT_BATCH ? n : INJECT_BATCH;
}

static enum err_code send_all(struct inject *inject, struct err *err)
{
    const size_t most = batch_max(inject);
    enum err_code code = E_OK;
    inject->started_ns = clock_mono_ns();
    while (inject->sent < inject->count && code == E_OK)
    {
        size_t n = due(inject) - inject->sent;
        if (n == 0)
        {
            sleep_slice(inject);
            continue;
        }
        code = send_batch(inject, n < most ? n : most, err);
        inject_progress(inject);
    }
    inject->sending_s = (double)(clock_mono_ns() - inject->started_ns) / 1e9;
    return code;
}

/* Reports also when the time is over before the jobs are. */
static enum err_code wait_and_report(struct inject *inject, struct err *err)
{
    struct err late = ERR_INIT;
    enum err_code code = inject_is_waiting(inject) ? inject_wait(inject, &late) : E_OK;
    inject_progress_end();
    if (code == E_OK)
        return inject_report(inject, err);
    if (code == E_STALLED && inject_report(inject, err) != E_OK)
        return err->code;
    *err = late;
    return code;
}

enum err_code verb_job_inject(struct session *session, struct err *err)
{
    struct inject inject;
    enum err_code code = inject_plan(&inject, session, err);
    if (code != E_OK)
        return code;
    inject.scratch = arena_new(SCRATCH_BYTES);
    if (inject.scratch == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    if (inject_is_raw(&inject))
        code = inject_raw_open(&inject, err);
    if (code == E_OK)
        code = send_all(&inject, err);
    if (code == E_OK)
        code = wait_and_report(&inject, err);
    inject_progress_end();
    inject_raw_close(&inject);
    arena_free(inject.scratch);
    return code;
}
