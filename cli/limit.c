/* SPDX-License-Identifier: Apache-2.0 */
/* limit set, ls, rm */
#include "cli/show.h"
#include "cli/verb.h"
#include "common/base/clock.h"
#include "common/store/limits.h"

enum
{
    LIMIT_MAX = 1000000,
    READERS_WAIT_MS = 30000
};

static const struct show_column columns[] = {
    {"kind", 12}, {"max_running", 11}, {"max_per_user", 12}, {"running", 7}, {"waiting", 0}};

/* Tries again and again: claims go on between the tries. */
static enum err_code put(struct session *session, struct db *db, const struct job_limit *limit,
                         struct err *err)
{
    const int64_t until_ms = clock_mono_ms() + READERS_WAIT_MS;
    int wait_ms = 0;
    enum err_code code;
    do
        code = job_limit_put(db, session->arena, limit, err);
    while (code == E_TIMEOUT && session_back_off(&wait_ms, until_ms));
    return code;
}

enum err_code verb_limit_set(struct session *session, struct err *err)
{
    struct db *db = NULL;
    struct job_limit limit = {.kind = session->args[0], .max_per_user = JOB_LIMIT_NONE};
    const struct options *options = &session->options;
    if (!option_given(options, OPTION_MAX))
        return fail(err, E_USAGE, "--max is missing");
    enum err_code code = option_number(options, OPTION_MAX, 0, LIMIT_MAX, &limit.max_running, err);
    if (code == E_OK)
        code = option_number(options, OPTION_PER_USER, 0, LIMIT_MAX, &limit.max_per_user, err);
    if (code == E_OK)
        code = session_db(session, &db, err);
    return code == E_OK ? put(session, db, &limit, err) : code;
}

enum err_code verb_limit_ls(struct session *session, struct err *err)
{
    struct db *db = NULL;
    const char *json = NULL;
    enum err_code code = session_db(session, &db, err);
    if (code == E_OK)
        code = job_limit_list(db, session->arena, &json, err);
    return code == E_OK ? show_table(session, json, columns, sizeof columns / sizeof columns[0], err) : code;
}

enum err_code verb_limit_rm(struct session *session, struct err *err)
{
    struct db *db = NULL;
    enum err_code code = session_db(session, &db, err);
    return code == E_OK ? job_limit_remove(db, session->args[0], err) : code;
}
