/* SPDX-License-Identifier: Apache-2.0 */
/* A login is a family of refresh tokens; its id is the session in the access token. */
#include "api/handlers/auth.h"

#include "api/dto/account.h"
#include "api/handlers/answer.h"
#include "api/handlers/entrance.h"
#include "api/handlers/throttle.h"
#include "api/handlers/totp.h"
#include "common/base/log.h"
#include "common/conf/conf.h"
#include "common/crypt/password.h"
#include "common/crypt/refresh.h"
#include "common/store/sessions.h"
#include "common/store/users.h"

enum
{
    LOGIN_TRIES = 3 /* a password that is changed while it is verified is verified anew */
};

/* The same answer and the same time, whether the name or the password is wrong. */
static enum err_code refuse_login(struct request *req, const char *name, const struct user_login *login,
                                  struct err *err)
{
    struct db *db;
    struct err lost = ERR_INIT;
    if (request_db(req, &db, &lost) != E_OK ||
        answer_audit(req, db, "login_failed", login->id, name, &lost) != E_OK ||
        throttle_note(req, name, &lost) != E_OK)
        log_error("audit_lost", "a failed login could not be written down: %s", lost.text);
    return fail(err, E_UNAUTHENTICATED, "the name or the password is wrong");
}

static enum err_code find_login(struct request *req, const struct account_login *account,
                                struct user_login *login, struct err *err)
{
    struct db *db;
    if (request_db(req, &db, err) != E_OK)
        return err->code;
    enum err_code code = user_store_find(db, req->arena, account->name, login, err);
    request_db_release(req);
    if (code == E_OK)
        return password_verify(account->password, login->password_hash, err);
    return code == E_NOT_FOUND ? password_verify_nobody(account->password, err) : code;
}

static enum err_code let_in(struct request *req, const struct account_login *account,
                            const struct user_login *login, struct entrance *in, struct err *err)
{
    struct db *db;
    struct password_hash hash;
    const bool rehash =
        password_needs_rehash(login->password_hash) && password_hash(account->password, &hash, err) == E_OK;
    const struct user_patch patch = {.password_hash = rehash ? hash.text : NULL};
    if (request_db(req, &db, err) != E_OK || db_begin(db, err) != E_OK)
        return err->code;
    if (user_store_lock(db, login->id, login->password_hash, err) != E_OK ||
        entrance_open(req, db, in, err) != E_OK ||
        (rehash && user_store_update(db, req->arena, in->user_id, &patch, &in->user_json, err) != E_OK) ||
        answer_audit(req, db, "login", in->user_id, NULL, err) != E_OK)
    {
        db_rollback(db);
        return err->code;
    }
    return db_commit(db, err);
}

enum err_code auth_login(struct request *req, struct err *err)
{
    struct account_login account;
    struct user_login login = {0};
    struct entrance in = {0};
    if (account_login_read(req, &account, err) != E_OK || throttle_check(req, account.name, err) != E_OK)
        return err->code;
    enum err_code code = E_CONFLICT;
    for (int tries = 0; tries < LOGIN_TRIES && code == E_CONFLICT; tries++)
    {
        code = find_login(req, &account, &login, err);
        in = (struct entrance){.user_id = login.id, .role = login.role, .user_json = login.json};
        if (code == E_OK)
            code = totp_admit(req, login.id, account.code, err);
        if (code == E_OK)
            code = let_in(req, &account, &login, &in, err);
    }
    if (code == E_UNAUTHENTICATED || code == E_CONFLICT)
        return refuse_login(req, account.name, &login, err);
    return code == E_OK ? entrance_reply(req, REPLY_OK, &in, err) : code;
}

enum err_code auth_refresh(struct request *req, struct err *err)
{
    struct db *db;
    const char *token = NULL;
    struct digest old;
    struct digest new_digest;
    struct session_owner owner;
    const struct refresh_token refresh = refresh_token_new();
    if (account_token_read(req, &token, err) != E_OK)
        return err->code;
    if (!refresh_token_digest(token, &old) || !refresh_token_digest(refresh.text, &new_digest))
        return fail(err, E_UNAUTHENTICATED, "the refresh token is not valid");
    struct id row = id_new();
    const struct session_new next = {
        .id = row.text,
        .token_hash = new_digest.hex,
        .valid_s = req->app->conf->refresh_token_ttl_s,
        .user_agent = entrance_agent(req),
        .address = req->client,
    };
    if (request_db(req, &db, err) != E_OK ||
        session_store_rotate(db, req->arena, old.hex, &next, &owner, err) != E_OK)
        return err->code;
    const struct entrance in = {owner.user_id, owner.role, owner.family, owner.user_json, refresh.text};
    return entrance_reply(req, REPLY_OK, &in, err);
}

enum err_code auth_logout(struct request *req, struct err *err)
{
    struct db *db;
    const char *token = NULL;
    struct digest digest;
    if (account_token_read(req, &token, err) != E_OK)
        return err->code;
    if (!refresh_token_digest(token, &digest))
        return reply_no_content(req);
    if (request_db(req, &db, err) != E_OK ||
        session_store_close(db, req->user.id.text, digest.hex, err) != E_OK ||
        answer_audit(req, db, "logout", NULL, NULL, err) != E_OK)
        return err->code;
    return reply_no_content(req);
}
