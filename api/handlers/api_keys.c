/* SPDX-License-Identifier: Apache-2.0 */
#include "api/handlers/api_keys.h"

#include "api/dto/api_key.h"
#include "api/handlers/answer.h"
#include "common/crypt/api_key.h"
#include "common/store/api_keys.h"

#include <string.h>

static enum err_code store(struct request *req, const struct api_key_new *key, const char **json,
                           struct err *err)
{
    struct db *db;
    if (request_db(req, &db, err) != E_OK || db_begin(db, err) != E_OK)
        return err->code;
    if (api_key_store_add(db, req->arena, key, json, err) != E_OK ||
        answer_audit(req, db, "api_key_created", NULL, key->id, err) != E_OK)
    {
        db_rollback(db);
        return err->code;
    }
    return db_commit(db, err);
}

static enum err_code reply_new(struct request *req, const struct api_key_new *key, const char *json,
                               const char *secret, struct err *err)
{
    const struct json *stored = NULL;
    if (json_parse(req->arena, json, strlen(json), &stored, err) != E_OK)
        return err->code;
    struct json_writer w = reply_begin(req);
    json_begin_object(&w, NULL);
    json_put_text(&w, "id", key->id);
    json_put_text(&w, "key", secret);
    for (const struct json *member = json_first(stored); member != NULL; member = json_next(member))
        if (strcmp(json_name(member), "id") != 0)
            json_put_value(&w, json_name(member), member);
    json_end_object(&w);
    return reply_json(req, REPLY_CREATED, err);
}

enum err_code api_keys_add(struct request *req, struct err *err)
{
    struct api_key_ask ask;
    struct digest digest;
    const char *json = NULL;
    const char *names[API_KEY_SCOPES];
    const struct id id = id_new();
    struct api_key secret = api_key_new();
    if (api_key_ask_read(req, &ask, err) != E_OK)
        return err->code;
    if ((ask.scopes & SCOPE_ADMIN) && req->user.role != ROLE_ADMIN)
        return fail(err, E_FORBIDDEN, "the scope admin is for admins");
    if (!api_key_digest(secret.text, &digest))
        return fail(err, E_BUG, "a new API key has no digest");
    const struct api_key_new key = {
        .id = id.text,
        .user_id = req->user.id.text,
        .name = ask.name,
        .scopes = db_param_array(req->arena, names, api_key_scope_names(ask.scopes, names)),
        .key_hash = digest.hex,
        .expires_at = ask.expires_ms != 0 ? db_param_time(req->arena, ask.expires_ms) : NULL,
    };
    if (arena_failed(req->arena))
        return fail(err, E_NO_MEMORY, "no memory for an API key");
    if (store(req, &key, &json, err) == E_OK)
        (void)reply_new(req, &key, json, secret.text, err);
    secret_wipe(&secret, sizeof secret);
    return err->code;
}

enum err_code api_keys_list(struct request *req, struct err *err)
{
    struct db *db;
    struct request_page asked;
    struct store_ask ask;
    struct store_page page;
    if (answer_ask(req, &asked, &ask, err) != E_OK || request_db(req, &db, err) != E_OK ||
        api_key_store_list(db, req->arena, req->user.id.text, &ask, &page, err) != E_OK)
        return err->code;
    return answer_page(req, &asked, &page, err);
}

enum err_code api_keys_remove(struct request *req, struct err *err)
{
    struct db *db;
    struct id id;
    if (!answer_owned_id(req, &id, err) || request_db(req, &db, err) != E_OK || db_begin(db, err) != E_OK)
        return err->code;
    enum err_code code = api_key_store_remove(db, req->user.id.text, id.text, err);
    if (code == E_OK)
        code = answer_audit(req, db, "api_key_deleted", NULL, id.text, err);
    if (code != E_OK)
    {
        db_rollback(db);
        return answer_owned(req, code, err);
    }
    return db_commit(db, err) == E_OK ? reply_no_content(req) : err->code;
}
