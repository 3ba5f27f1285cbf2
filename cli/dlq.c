/* SPDX-License-Identifier: Apache-2.0 */
/* dlq ls, dlq show */
#include "cli/show.h"
#include "cli/verb.h"
#include "common/store/jobs.h"

static const struct show_column columns[] = {{"id", 36},     {"job_id", 36},     {"kind", 9},
                                             {"reason", 10}, {"created_at", 24}, {"detail", 0}};

static enum err_code more(struct session *session, const char *before, int64_t limit, struct show_page *page,
                          struct err *err)
{
    struct db *db = NULL;
    struct job_page found = {NULL, 0, NULL};
    struct letter_filter filter = {
        .kind = option_text(&session->options, OPTION_KIND, NULL), .before = before, .limit = limit};
    enum err_code code = session_db(session, &db, err);
    if (code == E_OK)
        code = letter_store_list(db, session->arena, &filter, &found, err);
    if (code == E_OK)
        *page = (struct show_page){found.items, found.last_id};
    return code;
}

enum err_code verb_dlq_ls(struct session *session, struct err *err)
{
    return show_pages(session, more, columns, sizeof columns / sizeof columns[0], err);
}

enum err_code verb_dlq_show(struct session *session, struct err *err)
{
    struct db *db = NULL;
    const char *id = NULL;
    const char *json = NULL;
    enum err_code code = read_id(session, session->args[0], &id, err);
    if (code == E_OK)
        code = session_db(session, &db, err);
    if (code == E_OK)
        code = letter_store_get(db, session->arena, id, &json, err);
    if (code == E_NOT_FOUND)
        return fail(err, code, "there is no dead letter %s", id);
    return code == E_OK ? show_object(session, json, err) : code;
}
