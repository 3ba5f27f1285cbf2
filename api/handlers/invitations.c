/* SPDX-License-Identifier: Apache-2.0 */
#include "api/handlers/users.h"

#include "api/dto/account.h"
#include "api/handlers/answer.h"
#include "common/conf/conf.h"
#include "common/crypt/code.h"
#include "common/store/invitations.h"

#include <string.h>

/* Behind '#', as with every secret of a link: browsers keep that part to themselves.  NULL without
 * PUBLIC_URL. */
static const char *link_of(struct request *req, const char *code)
{
    const char *base = req->app->conf->public_url;
    size_t len = strlen(base);
    while (len > 0 && base[len - 1] == '/')
        len--;
    return len == 0 ? NULL : arena_printf(req->arena, "%.*s/#invitation/%s", (int)len, base, code);
}

static enum err_code add(struct request *req, const struct invitation_new *invitation,
                         const char **expires_at, struct err *err)
{
    struct db *db;
    if (request_db(req, &db, err) != E_OK || db_begin(db, err) != E_OK)
        return err->code;
    if (invitation_store_add(db, req->arena, invitation, expires_at, err) != E_OK ||
        answer_audit(req, db, "invited", NULL, invitation->id, err) != E_OK)
    {
        db_rollback(db);
        return err->code;
    }
    return db_commit(db, err);
}

enum err_code invitations_create(struct request *req, struct err *err)
{
    struct id id = id_new();
    const struct code code = code_new();
    struct digest digest;
    int64_t valid_s = 0;
    const char *expires_at = NULL;
    if (account_invitation_read(req, &valid_s, err) != E_OK)
        return err->code;
    if (!code_digest(code.text, &digest))
        return fail(err, E_BUG, "a new code has no digest");
    const struct invitation_new invitation = {id.text, digest.hex, req->user.id.text, valid_s};
    if (add(req, &invitation, &expires_at, err) != E_OK)
        return err->code;
    struct json_writer w = reply_begin(req);
    json_begin_object(&w, NULL);
    json_put_text(&w, "id", id.text);
    json_put_text(&w, "code", code.text);
    json_put_text(&w, "url", link_of(req, code.text));
    json_put_text(&w, "expires_at", expires_at);
    json_end_object(&w);
    return reply_json(req, REPLY_CREATED, err);
}

enum err_code invitations_list(struct request *req, struct err *err)
{
    struct db *db;
    struct request_page asked;
    struct store_ask ask;
    struct store_page page;
    if (answer_ask(req, &asked, &ask, err) != E_OK || request_db(req, &db, err) != E_OK ||
        invitation_store_list(db, req->arena, &ask, &page, err) != E_OK)
        return err->code;
    return answer_page(req, &asked, &page, err);
}

enum err_code invitations_delete(struct request *req, struct err *err)
{
    struct db *db;
    struct id id;
    if (answer_id(req, &id, "there is no such invitation", err) != E_OK ||
        request_db(req, &db, err) != E_OK || db_begin(db, err) != E_OK)
        return err->code;
    if (invitation_store_delete(db, id.text, err) != E_OK ||
        answer_audit(req, db, "invitation_deleted", NULL, id.text, err) != E_OK)
    {
        db_rollback(db);
        return err->code;
    }
    if (db_commit(db, err) != E_OK)
        return err->code;
    return reply_no_content(req);
}
