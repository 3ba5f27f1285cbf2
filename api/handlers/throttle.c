/* SPDX-License-Identifier: Apache-2.0 */
#include "api/handlers/throttle.h"

#include "api/address.h"
#include "common/conf/conf.h"
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
