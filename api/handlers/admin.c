/* SPDX-License-Identifier: Apache-2.0 */
#include "api/handlers/admin.h"

#include "api/handlers/answer.h"
#include "common/base/clock.h"
#include "common/store/audit.h"
#include "common/store/stats.h"

static enum err_code logs_filter(struct request *req, struct audit_filter *filter, struct err *err)
{
    struct id user;
    int64_t since_ms;
    *filter = (struct audit_filter){request_query(req, "user_id"), request_query(req, "action"),
                                    request_query(req, "since")};
    if (filter->user_id != NULL && !id_parse(filter->user_id, &user))
        return request_complain(req, err, "user_id", "must be an id");
    if (filter->since != NULL && !clock_parse(filter->since, &since_ms))
        return request_complain(req, err, "since", "must be a time, such as 2026-02-15T15:28:37Z");
    return E_OK;
}

enum err_code admin_list_logs(struct request *req, struct err *err)
{
    struct db *db;
    struct request_page asked;
    struct store_ask ask;
    struct store_page page;
    struct audit_filter filter;
    if (answer_ask(req, &asked, &ask, err) != E_OK || logs_filter(req, &filter, err) != E_OK ||
        request_db(req, &db, err) != E_OK ||
        audit_store_list(db, req->arena, &filter, &ask, &page, err) != E_OK)
        return err->code;
    return answer_page(req, &asked, &page, err);
}

enum err_code admin_get_stats(struct request *req, struct err *err)
{
    struct db *db;
    const char *json = NULL;
    if (request_db(req, &db, err) != E_OK || stats_store_get(db, req->arena, &json, err) != E_OK)
        return err->code;
    return answer_json(req, REPLY_OK, json, err);
}
