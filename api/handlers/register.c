/* SPDX-License-Identifier: Apache-2.0 */
#include "api/handlers/register.h"

#include "api/dto/account.h"
#include "api/handlers/answer.h"
#include "api/handlers/entrance.h"
#include "common/conf/conf.h"
#include "common/crypt/code.h"
#include "common/crypt/password.h"
#include "common/store/invitations.h"
#include "common/store/users.h"

#include <string.h>

/* What lets this client make an account; `code_hash` NULL: nothing is needed. */
struct pass
{
    enum invitation_kind kind;
    const char *code_hash;
};

static enum conf_registration registration(const struct conf *conf)
{
    const char *host = conf->api_listen.host;
    const bool is_here = strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;
    if (conf->registration != CONF_REGISTRATION_UNSET)
        return conf->registration;
    return is_here ? CONF_REGISTRATION_OPEN : CONF_REGISTRATION_INVITE;
}

static enum err_code read_code(struct request *req, const char *text, struct pass *pass, struct err *err)
{
    struct digest digest;
    if (!code_digest(text, &digest))
        return fail(err, E_FORBIDDEN, "%s is not one that was given",
                    pass->kind == INVITATION_SETUP ? "the set-up code" : "the invitation");
    pass->code_hash = arena_strdup(req->arena, digest.hex);
    return pass->code_hash != NULL ? E_OK : fail(err, E_NO_MEMORY, "out of memory");
}

/* A code that was sent is always used, so that it is never lost on an account that needed none. */
static enum err_code find_pass(struct request *req, const struct account_register *account, struct pass *pass,
                               struct err *err)
{
    const enum conf_registration who = registration(req->app->conf);
    *pass = (struct pass){account->setup_code != NULL ? INVITATION_SETUP : INVITATION_USER, NULL};
    if (account->setup_code != NULL)
        return read_code(req, account->setup_code, pass, err);
    if (who == CONF_REGISTRATION_CLOSED)
        return fail(err, E_FORBIDDEN, "nobody can make an account here; ask an administrator");
    if (account->invitation != NULL)
        return read_code(req, account->invitation, pass, err);
    if (who == CONF_REGISTRATION_INVITE)
        return fail(err, E_FORBIDDEN, "an invitation is needed; ask an administrator");
    return E_OK;
}

/* Before a password is hashed for nothing. */
static enum err_code look_at_pass(struct request *req, const struct pass *pass, struct err *err)
{
    struct db *db;
    if (pass->code_hash == NULL)
        return E_OK;
    if (request_db(req, &db, err) != E_OK)
        return err->code;
    enum err_code code = invitation_store_look(db, pass->kind, pass->code_hash, err);
    request_db_release(req);
    return code;
}

static enum err_code use_pass(struct db *db, const struct pass *pass, const char *user_id, struct err *err)
{
    return pass->code_hash == NULL ? E_OK
                                   : invitation_store_use(db, pass->kind, pass->code_hash, user_id, err);
}

static enum err_code add_user(struct request *req, const struct user_new *user, const struct pass *pass,
                              struct entrance *in, struct err *err)
{
    struct db *db;
    if (request_db(req, &db, err) != E_OK || db_begin(db, err) != E_OK)
        return err->code;
    if (use_pass(db, pass, user->id, err) != E_OK ||
        user_store_add(db, req->arena, user, &in->user_json, err) != E_OK ||
        entrance_open(req, db, in, err) != E_OK ||
        answer_audit(req, db, pass->kind == INVITATION_SETUP ? "set_up" : "register", user->id,
                     user->username, err) != E_OK)
    {
        db_rollback(db);
        return err->code;
    }
    return db_commit(db, err);
}

enum err_code register_post(struct request *req, struct err *err)
{
    struct account_register account;
    struct password_hash hash;
    struct pass pass;
    struct id id = id_new();
    if (account_register_read(req, &account, err) != E_OK || find_pass(req, &account, &pass, err) != E_OK ||
        look_at_pass(req, &pass, err) != E_OK || password_hash(account.password, &hash, err) != E_OK)
        return err->code;
    const struct user_new user = {
        .id = id.text,
        .username = account.username,
        .email = account.email,
        .password_hash = hash.text,
        .role = pass.kind == INVITATION_SETUP ? "admin" : "user",
    };
    struct entrance in = {.user_id = id.text, .role = user.role};
    if (add_user(req, &user, &pass, &in, err) != E_OK)
        return err->code;
    return entrance_reply(req, REPLY_CREATED, &in, err);
}
