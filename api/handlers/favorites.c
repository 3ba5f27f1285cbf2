/* SPDX-License-Identifier: Apache-2.0 */
#include "api/handlers/favorites.h"

#include "api/dto/title.h"
#include "api/handlers/answer.h"
#include "common/store/favorites.h"

enum err_code favorites_add(struct request *req, struct err *err)
{
    struct db *db;
    struct title_ref ref;
    bool added = false;
    const char *json = NULL;
    if (title_ref_read(req, &ref, err) != E_OK || request_db(req, &db, err) != E_OK)
        return err->code;
    const struct favorite_new favorite = {req->user.id.text, ref.media_id, ref.tmdb_id, ref.media_type};
    if (favorite_store_add(db, req->arena, &favorite, &added, &json, err) != E_OK)
        return err->code;
    return answer_json(req, added ? REPLY_CREATED : REPLY_OK, json, err);
}

enum err_code favorites_list(struct request *req, struct err *err)
{
    struct db *db;
    struct request_page asked;
    struct store_ask ask;
    struct store_page page;
    if (answer_ask(req, &asked, &ask, err) != E_OK || request_db(req, &db, err) != E_OK ||
        favorite_store_list(db, req->arena, req->user.id.text, &ask, &page, err) != E_OK)
        return err->code;
    return answer_page(req, &asked, &page, err);
}

enum err_code favorites_remove(struct request *req, struct err *err)
{
    struct db *db;
    struct id id;
    if (!request_param_id(req, "media_id", &id))
        return fail(err, E_NOT_FOUND, "this title is not among your favorites");
    if (request_db(req, &db, err) != E_OK ||
        favorite_store_remove(db, req->user.id.text, id.text, err) != E_OK)
        return err->code;
    return reply_no_content(req);
}
