/* SPDX-License-Identifier: Apache-2.0 */
/* job wait: until all of some jobs are over. */
#include "cli/show.h"
#include "cli/verb.h"
#include "common/base/clock.h"
#include "common/job/job.h"
#include "common/json/write.h"
#include "common/store/inject.h"

#include <inttypes.h>
#include <string.h>

enum
{
    LOOK_MS = 50,
    OUTAGE_MS = 300000,
    SCRATCH_BYTES = 64 << 20,
    TIMEOUT_MAX_S = 1000000
};

struct waiting
{
    struct session *session;
    struct arena *scratch; /* of the latest look */
    const char **ids;
    size_t count;
    struct inject_state *states;
    size_t found;
};

static enum err_code look(struct waiting *waiting, struct err *err)
{
    struct db *db = NULL;
    arena_reset(waiting->scratch);
    enum err_code code = session_db(waiting->session, &db, err);
    if (code == E_OK)
        code = inject_store_states(db, waiting->scratch, waiting->ids, waiting->count, &waiting->states,
                                   &waiting->found, err);
    return code;
}

static size_t count_live(const struct waiting *waiting)
{
    size_t live = 0;
    for (size_t i = 0; i < waiting->found; i++)
    {
        enum job_status status = JOB_NOTHING;
        live += !job_status_parse(waiting->states[i].status, &status) || !job_is_over(status);
    }
    return live;
}

static bool is_found(const struct waiting *waiting, const char *id)
{
    for (size_t i = 0; i < waiting->found; i++)
        if (strcmp(waiting->states[i].job_id, id) == 0)
            return true;
    return false;
}

static enum err_code refuse_unknown(const struct waiting *waiting, struct err *err)
{
    for (size_t i = 0; waiting->found < waiting->count && i < waiting->count; i++)
        if (!is_found(waiting, waiting->ids[i]))
            return fail(err, E_NOT_FOUND, "there is no job %s", waiting->ids[i]);
    return E_OK;
}

/* Looks again; an outage is waited for once a first look has succeeded. */
static enum err_code look_again(struct waiting *waiting, int64_t until_ms, struct err *err)
{
    int64_t outage_ms = clock_mono_ms() + OUTAGE_MS;
    int wait_ms = 0;
    enum err_code code = look(waiting, err);
    while (session_may_pass(code))
    {
        session_db_drop(waiting->session);
        if (!session_back_off(&wait_ms, outage_ms < until_ms ? outage_ms : until_ms))
            break;
        code = look(waiting, err);
    }
    return code;
}

static enum err_code wait_all(struct waiting *waiting, int64_t timeout_s, struct err *err)
{
    const int64_t until_ms = timeout_s > 0 ? clock_mono_ms() + timeout_s * 1000 : INT64_MAX;
    enum err_code code = look(waiting, err);
    while (code == E_OK)
    {
        code = refuse_unknown(waiting, err);
        size_t live = count_live(waiting);
        if (code != E_OK || live == 0)
            break;
        if (clock_mono_ms() >= until_ms)
            return fail(err, E_STALLED, "%zu of %zu jobs are not over after %" PRId64 " s", live,
                        waiting->count, timeout_s);
        nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000}, NULL);
        code = look_again(waiting, until_ms, err);
    }
    return code;
}

static enum err_code report(struct waiting *waiting, struct err *err)
{
    static const struct show_column columns[] = {{"id", 36}, {"status", 9}, {"reason", 10}, {"detail", 0}};
    struct session *session = waiting->session;
    struct buf out;
    buf_init(&out, SESSION_OUTPUT_BYTES);
    struct json_writer w = json_writer(&out);
    json_begin_array(&w, NULL);
    for (size_t i = 0; i < waiting->found; i++)
    {
        const struct inject_state *state = &waiting->states[i];
        enum job_status status = JOB_NOTHING;
        json_begin_object(&w, NULL);
        json_put_text(&w, "id", state->job_id);
        json_put_text(&w, "status", state->status);
        json_put_text(&w, "reason", state->reason);
        json_put_text(&w, "detail", state->detail);
        json_end_object(&w);
        if (!job_status_parse(state->status, &status) || status == JOB_FAILED)
            session->verdict = VERDICT_BAD;
    }
    json_end_array(&w);
    enum err_code code = show_table(session, out.data, columns, sizeof columns / sizeof columns[0], err);
    buf_fini(&out);
    return code;
}

/* The same id twice is one job. */
static void drop_doubles(struct waiting *waiting)
{
    size_t kept = 0;
    for (size_t i = 0; i < waiting->count; i++)
    {
        bool is_double = false;
        for (size_t j = 0; j < kept && !is_double; j++)
            is_double = strcmp(waiting->ids[i], waiting->ids[j]) == 0;
        if (!is_double)
            waiting->ids[kept++] = waiting->ids[i];
    }
    waiting->count = kept;
}

enum err_code verb_job_wait(struct session *session, struct err *err)
{
    struct waiting waiting = {.session = session, .count = session->arg_count};
    int64_t timeout_s = 0;
    enum err_code code = option_number(&session->options, OPTION_TIMEOUT, 1, TIMEOUT_MAX_S, &timeout_s, err);
    if (code == E_OK)
        code = read_ids(session, &waiting.ids, err);
    if (code != E_OK)
        return code;
    drop_doubles(&waiting);
    waiting.scratch = arena_new(SCRATCH_BYTES);
    if (waiting.scratch == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    code = wait_all(&waiting, timeout_s, err);
    if (code == E_OK)
        code = report(&waiting, err);
    arena_free(waiting.scratch);
    return code;
}
