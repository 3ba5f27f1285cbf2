/* SPDX-License-Identifier: Apache-2.0 */
#include "api/handlers/profile.h"

#include "api/dto/account.h"
#include "api/handlers/answer.h"
#include "api/handlers/avatar.h"
#include "api/handlers/purge.h"
#include "api/handlers/throttle.h"
#include "common/crypt/password.h"
#include "common/store/avatars.h"
#include "common/store/downloads.h"
#include "common/store/sessions.h"
#include "common/store/users.h"

/* A token may outlive its account by a moment. */
static enum err_code account_gone(enum err_code code, struct err *err)
{
    return code == E_NOT_FOUND ? fail(err, E_UNAUTHENTICATED, "this account is gone") : code;
}

enum err_code profile_get(struct request *req, struct err *err)
{
    struct db *db;
    const char *json = NULL;
    if (request_db(req, &db, err) != E_OK)
        return err->code;
    enum err_code code = user_store_get(db, req->arena, req->user.id.text, &json, err);
    if (code != E_OK)
        return account_gone(code, err);
    return answer_json(req, REPLY_OK, json, err);
}

/* A new password ends all other sessions.  `current`: the hash of the password that allows this, NULL: none.
 */
static enum err_code store_patch(struct request *req, const struct user_patch *patch, const char *current,
                                 const char **json, struct err *err)
{
    struct db *db;
    const char *me = req->user.id.text;
    if (request_db(req, &db, err) != E_OK || db_begin(db, err) != E_OK)
        return err->code;
    enum err_code code = current != NULL ? user_store_lock(db, me, current, err) : E_OK;
    if (code == E_OK)
        code = user_store_update(db, req->arena, me, patch, json, err);
    if (code == E_OK && patch->password_hash != NULL)
        code = session_store_close_all(db, me, req->user.session.text, err);
    if (code == E_OK)
        code = answer_audit(req, db, patch->password_hash != NULL ? "password_changed" : "profile_changed",
                            NULL, NULL, err);
    if (code == E_OK)
        return db_commit(db, err);
    db_rollback(db);
    return account_gone(code, err);
}

static bool needs_password(const struct account_patch *account)
{
    return account->password != NULL || account->email != NULL;
}

static enum err_code patch(struct request *req, struct err *err)
{
    struct account_patch account;
    struct password_hash hash;
    struct user_login me = {0};
    const char *json = NULL;
    if (account_patch_read(req, &account, err) != E_OK)
        return err->code;
    if (needs_password(&account) && throttle_ask_password(req, account.current_password, &me, err) != E_OK)
        return err->code;
    if (account.password != NULL &&
        (account_strength_check(req, account.password, me.username, me.email, err) != E_OK ||
         password_hash(account.password, &hash, err) != E_OK))
        return err->code;
    const struct user_patch changes = {account.username, account.email,
                                       account.password != NULL ? hash.text : NULL};
    if (store_patch(req, &changes, me.password_hash, &json, err) != E_OK)
        return err->code;
    return answer_json(req, REPLY_OK, json, err);
}

/* Only what a password is asked for waits among the passwords. */
enum err_code profile_patch(struct request *req, struct err *err)
{
    struct account_patch account;
    if (account_patch_read(req, &account, err) != E_OK)
        return err->code;
    if (needs_password(&account))
        return request_go_on(req, (struct request_step){.run = patch, .lane = LANE_PASSWORDS});
    return patch(req, err);
}

enum err_code profile_delete(struct request *req, struct err *err)
{
    struct db *db;
    const char *me = req->user.id.text;
    const char **torrents = NULL;
    const char *picture = NULL;
    size_t count = 0;
    if (request_db(req, &db, err) != E_OK || db_begin(db, err) != E_OK)
        return err->code;
    enum err_code code = download_store_only(db, req->arena, me, &torrents, &count, err);
    if (code == E_OK)
        code = avatar_store_remove(db, req->arena, me, &picture, err);
    if (code == E_OK)
        code = user_store_delete(db, me, err);
    for (size_t i = 0; code == E_OK && i < count; i++)
        code = purge_torrent(req, db, ID_SYSTEM_USER, torrents[i], err);
    if (code == E_OK)
        code = answer_audit(req, db, "user_deleted", NULL, me, err);
    if (code != E_OK)
    {
        db_rollback(db);
        return account_gone(code, err);
    }
    if (db_commit(db, err) != E_OK)
        return err->code;
    avatar_forget(req, picture);
    app_wake(req->app);
    return reply_no_content(req);
}
