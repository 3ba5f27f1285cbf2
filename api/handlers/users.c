/* SPDX-License-Identifier: Apache-2.0 */
#include "api/handlers/users.h"

#include "api/dto/account.h"
#include "api/handlers/answer.h"
#include "common/store/audit.h"
#include "common/store/users.h"

enum err_code users_list(struct request *req, struct err *err)
{
    struct db *db;
    struct request_page asked;
    struct store_ask ask;
    struct store_page page;
    struct account_filter wanted;
    if (answer_ask(req, &asked, &ask, err) != E_OK || account_filter_read(req, &wanted, err) != E_OK)
        return err->code;
    const struct user_filter filter = {wanted.role, wanted.disabled, wanted.query};
    if (request_db(req, &db, err) != E_OK ||
        user_store_list(db, req->arena, &filter, &ask, &page, err) != E_OK)
        return err->code;
    return answer_page(req, &asked, &page, err);
}

/* An entry of its own for each thing that changes. */
static enum err_code audit_change(struct request *req, struct db *db, const char *user_id,
                                  const struct account_change *change, struct err *err)
{
    struct audit_entry entry = {
        .user_id = req->user.id.text, .ip = req->client, .subject = user_id, .request_id = req->id};
    enum err_code code = E_OK;
    if (change->role != NULL)
    {
        entry.action = "role_changed";
        entry.detail = arena_printf(req->arena, "{\"role\":\"%s\"}", change->role);
        code = audit_store_add(db, &entry, err);
    }
    if (code == E_OK && change->disabled != NULL)
    {
        entry.action = change->disabled[0] == 't' ? "user_disabled" : "user_enabled";
        entry.detail = NULL;
        code = audit_store_add(db, &entry, err);
    }
    return code;
}

static enum err_code change_user(struct request *req, const char *user_id,
                                 const struct account_change *change, const char **json, struct err *err)
{
    const struct user_change wanted = {change->role, change->disabled};
    struct db *db;
    if (request_db(req, &db, err) != E_OK || db_begin(db, err) != E_OK)
        return err->code;
    if (user_store_manage(db, req->arena, user_id, &wanted, json, err) != E_OK ||
        audit_change(req, db, user_id, change, err) != E_OK)
    {
        db_rollback(db);
        return err->code;
    }
    return db_commit(db, err);
}

enum err_code users_change(struct request *req, struct err *err)
{
    struct id id;
    struct account_change change;
    const char *json = NULL;
    if (answer_id(req, &id, "no such user", err) != E_OK || account_change_read(req, &change, err) != E_OK ||
        change_user(req, id.text, &change, &json, err) != E_OK)
        return err->code;
    return answer_json(req, REPLY_OK, json, err);
}
