/* SPDX-License-Identifier: Apache-2.0 */
#include "api/handlers/history.h"

#include "api/dto/title.h"
#include "api/handlers/answer.h"
#include "common/store/history.h"

enum err_code history_add(struct request *req, struct err *err)
{
    struct db *db;
    struct title_watched watched;
    const char *json = NULL;
    if (title_watched_read(req, &watched, err) != E_OK || request_db(req, &db, err) != E_OK)
        return err->code;
    const struct history_new entry = {req->user.id.text, watched.media_id, watched.position_s,
                                      watched.duration_s};
    if (history_store_add(db, req->arena, &entry, &json, err) != E_OK)
        return err->code;
    return answer_json(req, REPLY_CREATED, json, err);
}

enum err_code history_list(struct request *req, struct err *err)
{
    struct db *db;
    struct request_page asked;
    struct store_ask ask;
    struct store_page page;
    if (answer_ask(req, &asked, &ask, err) != E_OK || request_db(req, &db, err) != E_OK ||
        history_store_list(db, req->arena, req->user.id.text, &ask, &page, err) != E_OK)
        return err->code;
    return answer_page(req, &asked, &page, err);
}
