/* SPDX-License-Identifier: Apache-2.0 */
/* job get */
#include "cli/show.h"
#include "cli/verb.h"
#include "common/store/jobs.h"

enum err_code verb_job_get(struct session *session, struct err *err)
{
    struct db *db = NULL;
    const char *id = NULL;
    const char *json = NULL;
    enum err_code code = read_id(session, session->args[0], &id, err);
    if (code == E_OK)
        code = session_db(session, &db, err);
    bool graph = option_given(&session->options, OPTION_GRAPH);
    if (code == E_OK)
        code = graph ? show_graph(session, db, id, err)
                     : job_store_get(db, session->arena, id, NULL, &json, err);
    if (code == E_NOT_FOUND)
        return fail(err, E_NOT_FOUND, "there is no job %s", id);
    return code == E_OK && !graph ? show_object(session, json, err) : code;
}
