/* SPDX-License-Identifier: Apache-2.0 */
/* job ls */
#include "cli/show.h"
#include "cli/verb.h"
#include "common/store/jobs.h"

static const struct show_column columns[] = {{"id", 36},    {"kind", 9},     {"worker", 7},
                                             {"status", 9}, {"attempts", 8}, {"created_at", 24},
                                             {"reason", 0}};

static enum err_code more(struct session *session, const char *before, int64_t limit, struct show_page *page,
                          struct err *err)
{
    struct db *db = NULL;
    struct job_page found = {NULL, 0, NULL};
    struct job_filter filter = {.status = option_text(&session->options, OPTION_STATUS, NULL),
                                .kind = option_text(&session->options, OPTION_KIND, NULL),
                                .before = before,
                                .limit = limit};
    enum err_code code = session_db(session, &db, err);
    if (code == E_OK)
        code = job_store_list(db, session->arena, &filter, &found, err);
    if (code == E_OK)
        *page = (struct show_page){found.items, found.last_id};
    return code;
}

enum err_code verb_job_ls(struct session *session, struct err *err)
{
    const char *status = option_text(&session->options, OPTION_STATUS, NULL);
    enum job_status parsed = JOB_NOTHING;
    if (status != NULL && !job_status_parse(status, &parsed))
        return fail(err, E_USAGE, "--status must be Pending, Running, Completed or Failed");
    return show_pages(session, more, columns, sizeof columns / sizeof columns[0], err);
}
