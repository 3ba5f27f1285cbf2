/* SPDX-License-Identifier: Apache-2.0 */
/* From options to an order. */
#include "cli/inject.h"
#include "cli/payload.h"

#include "common/base/clock.h"
#include "common/store/users.h"

#include <stdio.h>
#include <string.h>

bool inject_is_waiting(const struct inject *inject)
{
    return option_given(&inject->session->options, OPTION_WAIT);
}

bool inject_is_raw(const struct inject *inject)
{
    return option_given(&inject->session->options, OPTION_RAW);
}

struct inject_batch inject_batch(const struct inject *inject, size_t from, size_t n)
{
    return (struct inject_batch){inject->ids[from].text, inject->ids[from + n - 1].text, inject->request_id};
}

static enum err_code plan_kind(struct inject *inject, const struct options *options, struct err *err)
{
    inject->kind = option_text(options, OPTION_KIND, NULL);
    inject->worker = option_text(options, OPTION_WORKER, NULL);
    if (inject->kind == NULL)
        return fail(err, E_USAGE, "--kind is missing, e.g. --kind noop");
    const char *worker = job_worker_of(inject->kind);
    if (worker == NULL && (inject->worker == NULL || !job_is_token(inject->kind)))
        return fail(err, E_INVALID, "unknown kind %.60s; one of your own needs its --worker", inject->kind);
    if (inject->worker == NULL)
        inject->worker = worker;
    if (!job_worker_runs(inject->worker, inject->kind))
        return worker != NULL
                   ? fail(err, E_INVALID, "unknown worker %.60s; there are scout, hunter and bot",
                          inject->worker)
                   : fail(err, E_INVALID, "worker %.60s does not run %.60s", inject->worker, inject->kind);
    return E_OK;
}

static enum err_code plan_extras(struct inject *inject, const struct options *options, struct err *err)
{
    const char *priority = option_text(options, OPTION_PRIORITY, "normal");
    const char *run_at = option_text(options, OPTION_RUN_AT, NULL);
    const char *deadline = option_text(options, OPTION_DEADLINE, NULL);
    if (!job_priority_parse(priority, &inject->priority))
        return fail(err, E_INVALID, "--priority must be high, normal or low");
    if (run_at != NULL && !clock_parse(run_at, &inject->run_at_ms))
        return fail(err, E_INVALID, "--run-at must be a time like 2026-02-15T15:28:37Z");
    if (deadline != NULL && !clock_parse(deadline, &inject->deadline_at_ms))
        return fail(err, E_INVALID, "--deadline must be a time like 2026-02-15T15:28:37Z");
    if (inject->unique_key == NULL && option_given(options, OPTION_UNIQUE_S))
        return fail(err, E_USAGE, "--unique-s goes with --unique-key");
    if (inject->unique_key != NULL && inject->count > 1)
        return fail(err, E_USAGE, "--unique-key goes with one job only");
    return E_OK;
}

static enum err_code plan_numbers(struct inject *inject, const struct options *options, struct err *err)
{
    int64_t count = 1;
    enum err_code code = option_number(options, OPTION_COUNT, 1, INJECT_MAX_COUNT, &count, err);
    if (code == E_OK)
        code = option_number(options, OPTION_RATE, 1, 1000000, &inject->rate, err);
    if (code == E_OK)
        code = option_number(options, OPTION_UNIQUE_S, 1, 31536000, &inject->unique_s, err);
    if (code == E_OK)
        code = option_number(options, OPTION_TIMEOUT, 1, 1000000, &inject->wait_s, err);
    if (code != E_OK)
        return code;
    inject->count = (size_t)count;
    if (inject->wait_s > 0 && !inject_is_waiting(inject))
        return fail(err, E_USAGE, "--timeout goes with --wait");
    return E_OK;
}

/* An id, a name or an address. */
static enum err_code plan_user(struct inject *inject, const struct options *options, struct err *err)
{
    const char *user = option_text(options, OPTION_USER, ID_SYSTEM_USER);
    struct session *session = inject->session;
    struct db *db = NULL;
    struct id id;
    struct user_login login = {.id = NULL};
    if (id_parse(user, &id))
    {
        inject->user_id = arena_strdup(session->arena, id.text);
        return E_OK;
    }
    enum err_code code = session_db(session, &db, err);
    if (code == E_OK)
        code = user_store_find(db, session->arena, user, &login, err);
    if (code == E_NOT_FOUND)
        return fail(err, E_NOT_FOUND, "there is no user %.100s", user);
    inject->user_id = login.id;
    return code;
}

static enum err_code plan_ids(struct inject *inject, struct err *err)
{
    inject->ids = arena_array(inject->session->arena, inject->count, sizeof *inject->ids);
    if (inject->ids == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    snprintf(inject->request_id, sizeof inject->request_id, "inject-%s", id_new().text);
    return E_OK;
}

enum err_code inject_plan(struct inject *inject, struct session *session, struct err *err)
{
    const struct options *options = &session->options;
    *inject = (struct inject){.session = session};
    enum err_code code = plan_kind(inject, options, err);
    if (code == E_OK)
        code = read_payload(session, "{}", &inject->payload, err);
    if (code == E_OK)
        code = read_unique_key(session, &inject->unique_key, err);
    if (code == E_OK)
        code = plan_numbers(inject, options, err);
    if (code == E_OK)
        code = plan_extras(inject, options, err);
    if (code == E_OK)
        code = plan_user(inject, options, err);
    if (code == E_OK)
        code = plan_ids(inject, err);
    return code;
}
