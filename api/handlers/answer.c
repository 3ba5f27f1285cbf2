/* SPDX-License-Identifier: Apache-2.0 */
#include "api/handlers/answer.h"

#include "common/store/audit.h"

enum err_code answer_json(struct request *req, enum reply_status status, const char *json, struct err *err)
{
    struct json_writer w = reply_begin(req);
    json_put_raw(&w, NULL, json);
    return reply_json(req, status, err);
}

enum err_code answer_ask(struct request *req, struct request_page *page, struct store_ask *ask,
                         struct err *err)
{
    enum err_code code = request_page(req, page, err);
    *ask = (struct store_ask){page->limit, (page->page - 1) * page->limit, page->cursor};
    return code;
}

enum err_code answer_page(struct request *req, const struct request_page *asked,
                          const struct store_page *page, struct err *err)
{
    struct json_writer w = reply_begin(req);
    json_begin_object(&w, NULL);
    json_put_raw(&w, "items", page->items);
    json_put_int(&w, "page", asked->page);
    json_put_int(&w, "limit", asked->limit);
    if (page->total == STORE_TOTAL_UNKNOWN)
        json_put_null(&w, "total");
    else
        json_put_int(&w, "total", page->total);
    json_put_text(&w, "next", page->next);
    json_end_object(&w);
    return reply_json(req, REPLY_OK, err);
}

enum err_code answer_job_page(struct request *req, const struct request_page *asked,
                              const struct job_page *page, struct err *err)
{
    const bool countable = page->total >= 0 && page->total <= STORE_MAX_TOTAL;
    const struct store_page same = {page->items, countable ? page->total : STORE_TOTAL_UNKNOWN,
                                    page->last_id};
    return answer_page(req, asked, &same, err);
}

const char *answer_viewer(const struct request *req)
{
    return req->user.role == ROLE_ADMIN ? NULL : req->user.id.text;
}

enum err_code answer_owned(const struct request *req, enum err_code code, struct err *err)
{
    if (code == E_NOT_FOUND && req->user.role != ROLE_ADMIN)
        return fail(err, E_FORBIDDEN, "nothing of yours has this id");
    return code;
}

bool answer_owned_id(const struct request *req, struct id *id, struct err *err)
{
    if (request_param_id(req, "id", id))
        return true;
    (void)answer_owned(req, fail(err, E_NOT_FOUND, "no such thing"), err);
    return false;
}

enum err_code answer_id(const struct request *req, struct id *id, const char *missing, struct err *err)
{
    return request_param_id(req, "id", id) ? E_OK : fail(err, E_NOT_FOUND, "%s", missing);
}

enum err_code answer_audit(struct request *req, struct db *db, const char *action, const char *user_id,
                           const char *subject, struct err *err)
{
    const char *user = user_id != NULL ? user_id : req->user.id.text;
    const struct audit_entry entry = {
        .user_id = user[0] == '\0' ? NULL : user,
        .ip = req->client,
        .action = action,
        .subject = subject,
        .request_id = req->id,
    };
    return audit_store_add(db, &entry, err);
}
