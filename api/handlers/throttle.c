/* SPDX-License-Identifier: Apache-2.0 */
#include "api/handlers/throttle.h"

#include "api/address.h"
#include "common/conf/conf.h"
#include "common/crypt/password.h"
#include "common/store/logins.h"

enum err_code throttle_check(struct request *req, const char *account, struct err *err)
{
    const struct conf *conf = req->app->conf;
    const struct login_limits limits = {conf->login_failures_max, conf->login_failures_per_address_max};
    struct db *db;
    if (address_in(&conf->rate_limit_allow, req->client))
        return E_OK;
    if (request_db(req, &db, err) != E_OK)
        return err->code;
    return login_store_check(db, req->arena, &(struct login_try){account, req->client}, &limits, err);
}

enum err_code throttle_note(struct request *req, const char *account, struct err *err)
{
    struct db *db;
    if (address_in(&req->app->conf->rate_limit_allow, req->client))
        return E_OK;
    if (request_db(req, &db, err) != E_OK)
        return err->code;
    return login_store_note(db, &(struct login_try){account, req->client}, err);
}

enum err_code throttle_ask_password(struct request *req, const char *password, struct user_login *login,
                                    struct err *err)
{
    struct db *db;
    const char *me = req->user.id.text;
    if (throttle_check(req, me, err) != E_OK || request_db(req, &db, err) != E_OK)
        return err->code;
    enum err_code code = user_store_find_id(db, req->arena, me, login, err);
    request_db_release(req);
    if (code == E_NOT_FOUND) /* a login may outlive its account by a moment */
        return fail(err, E_UNAUTHENTICATED, "this account is gone");
    if (code != E_OK)
        return code;
    code = password_verify(password, login->password_hash, err);
    if (code != E_UNAUTHENTICATED)
        return code;
    if (throttle_note(req, me, err) != E_OK)
        return err->code;
    return fail(err, E_FORBIDDEN, "the current password is wrong");
}
