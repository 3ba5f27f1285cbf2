/* SPDX-License-Identifier: Apache-2.0 */
/* dlq replay, dlq purge: what closes dead letters. */
#include "cli/payload.h"
#include "cli/show.h"
#include "cli/verb.h"
#include "common/base/id.h"
#include "common/json/write.h"
#include "common/store/audit.h"
#include "common/store/jobs.h"

#include <string.h>

/* The same audit entries as the API's, without a user: nobody is logged in here. */
static enum err_code write_down(struct db *db, const char *action, const char *subject, struct err *err)
{
    const struct audit_entry entry = {
        .action = action, .subject = subject, .detail = "{\"by\":\"sokoulctl\"}"};
    return audit_store_add(db, &entry, err);
}

/* Commits the change and its audit entry, both or none. */
static enum err_code commit_with(struct db *db, const char *action, const char *subject, struct err *err)
{
    enum err_code code = write_down(db, action, subject, err);
    return code == E_OK ? db_commit(db, err) : code;
}

static enum err_code replay(struct session *session, const char *id, const char *payload, const char **job_id,
                            struct err *err)
{
    struct db *db = NULL;
    struct err ignored = ERR_INIT;
    enum err_code code = session_db(session, &db, err);
    if (code == E_OK)
        code = db_begin(db, err);
    if (code == E_OK)
        code = letter_store_replay(db, session->arena, id, ID_SYSTEM_USER, payload, job_id, err);
    if (code == E_OK)
        code = commit_with(db, "dlq_replayed", id, err);
    if (code != E_OK)
        session_db_drop(session); /* with the transaction */
    if (code == E_NOT_FOUND)
        return fail(err, code, "there is no dead letter %s", id);
    if (code == E_CONFLICT)
        return fail(err, code, "dead letter %s is closed already", id);
    if (code == E_OK && job_store_notify(db, &ignored) != E_OK)
        session_db_drop(session);
    return code;
}

enum err_code verb_dlq_replay(struct session *session, struct err *err)
{
    const char *payload = NULL;
    const char *id = NULL;
    const char *job_id = NULL;
    struct buf out;
    enum err_code code = read_payload(session, NULL, &payload, err);
    if (code == E_OK)
        code = read_id(session, session->args[0], &id, err);
    if (code == E_OK)
        code = replay(session, id, payload, &job_id, err);
    if (code != E_OK)
        return code;
    buf_init(&out, SESSION_OUTPUT_BYTES);
    struct json_writer w = json_writer(&out);
    json_begin_object(&w, NULL);
    json_put_text(&w, "job_id", job_id);
    json_end_object(&w);
    code = show_object(session, out.data, err);
    buf_fini(&out);
    return code;
}

static enum err_code show_closed(struct session *session, int64_t closed, struct err *err)
{
    struct buf out;
    buf_init(&out, SESSION_OUTPUT_BYTES);
    struct json_writer w = json_writer(&out);
    json_begin_object(&w, NULL);
    json_put_int(&w, "closed", closed);
    json_end_object(&w);
    enum err_code code = show_object(session, out.data, err);
    buf_fini(&out);
    return code;
}

enum err_code verb_dlq_purge(struct session *session, struct err *err)
{
    struct db *db = NULL;
    const char *id = NULL;
    int64_t closed = 0;
    bool all = option_given(&session->options, OPTION_ALL);
    if (all == (session->arg_count == 1))
        return fail(err, E_USAGE, "dlq purge takes the id of a dead letter, or --all");
    enum err_code code = all ? E_OK : read_id(session, session->args[0], &id, err);
    if (code == E_OK)
        code = session_db(session, &db, err);
    if (code == E_OK)
        code = db_begin(db, err);
    if (code == E_OK)
        code = letter_store_purge(db, id, ID_SYSTEM_USER, &closed, err);
    if (code == E_OK && id != NULL && closed == 0)
        return fail(err, E_NOT_FOUND, "there is no open dead letter %s", id);
    if (code == E_OK)
        code = commit_with(db, "dlq_purged", id != NULL ? id : "all", err);
    return code == E_OK ? show_closed(session, closed, err) : code;
}
