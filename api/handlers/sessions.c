/* SPDX-License-Identifier: Apache-2.0 */
#include "api/handlers/sessions.h"

#include "api/handlers/answer.h"
#include "common/store/sessions.h"

enum err_code sessions_list(struct request *req, struct err *err)
{
    struct db *db;
    struct request_page asked;
    struct store_ask ask;
    struct store_page page;
    const struct session_filter mine = {
        .user_id = req->user.id.text,
        .current = req->user.session.text[0] != '\0' ? req->user.session.text : NULL,
    };
    if (answer_ask(req, &asked, &ask, err) != E_OK || request_db(req, &db, err) != E_OK ||
        session_store_list(db, req->arena, &mine, &ask, &page, err) != E_OK)
        return err->code;
    return answer_page(req, &asked, &page, err);
}

static enum err_code end(struct request *req, struct db *db, const char *session, struct err *err)
{
    enum err_code code = session_store_end(db, req->user.id.text, session, err);
    return code == E_OK ? answer_audit(req, db, "session_ended", NULL, session, err) : code;
}

/* One's own only, for an administrator too: who is to lose all sessions is disabled. */
enum err_code sessions_end(struct request *req, struct err *err)
{
    struct db *db;
    struct id session;
    if (!answer_owned_id(req, &session, err) || request_db(req, &db, err) != E_OK ||
        db_begin(db, err) != E_OK)
        return err->code;
    if (end(req, db, session.text, err) != E_OK)
    {
        db_rollback(db);
        return answer_owned(req, err->code, err);
    }
    if (db_commit(db, err) != E_OK)
        return err->code;
    return reply_no_content(req);
}
