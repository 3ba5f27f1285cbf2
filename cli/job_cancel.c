/* SPDX-License-Identifier: Apache-2.0 */
/* job cancel */
#include "cli/show.h"
#include "cli/verb.h"
#include "common/json/write.h"
#include "common/store/jobs.h"

static enum err_code cancel(struct session *session, const char *id, struct err *err)
{
    struct db *db = NULL;
    enum err_code code = session_db(session, &db, err);
    if (code == E_OK)
        code = job_store_cancel(db, session->arena, id, NULL, err);
    if (code == E_NOT_FOUND)
        return fail(err, code, "there is no job %s", id);
    if (code == E_CONFLICT)
        return fail(err, code, "job %s is over already", id);
    return code;
}

enum err_code verb_job_cancel(struct session *session, struct err *err)
{
    const char **ids = NULL;
    struct buf out;
    enum err_code code = read_ids(session, &ids, err);
    if (code != E_OK)
        return code;
    buf_init(&out, SESSION_OUTPUT_BYTES);
    struct json_writer w = json_writer(&out);
    json_begin_object(&w, NULL);
    json_begin_array(&w, "cancelled");
    for (size_t i = 0; i < session->arg_count && code == E_OK; i++)
    {
        code = cancel(session, ids[i], err);
        if (code == E_OK)
            json_put_text(&w, NULL, ids[i]);
    }
    json_end_array(&w);
    json_end_object(&w);
    if (code == E_OK)
        code = show_object(session, out.data, err);
    buf_fini(&out);
    return code;
}
