/* SPDX-License-Identifier: Apache-2.0 */
#include "api/handlers/media.h"

#include "api/reply.h"
#include "api/route.h"

#include "api/dto/title.h"
#include "api/handlers/accept.h"
#include "api/handlers/answer.h"
#include "common/store/media.h"
#include "common/store/releases.h"

#include <inttypes.h>

static const char missing[] = "no such title";

enum err_code media_get(struct request *req, struct err *err)
{
    struct db *db;
    struct id id;
    const char *json = NULL;
    if (answer_id(req, &id, missing, err) != E_OK || request_db(req, &db, err) != E_OK ||
        media_store_get(db, req->arena, id.text, &json, err) != E_OK)
        return err->code;
    return answer_json(req, REPLY_OK, json, err);
}

static void answer_title(struct request *req, const char *json)
{
    struct err err = ERR_INIT;
    enum err_code code =
        json != NULL ? answer_json(req, REPLY_OK, json, &err) : fail(&err, E_NOT_FOUND, "%s", missing);
    if (code != E_OK)
        reply_error(req, &err);
}

enum err_code media_get_batch(struct request **reqs, size_t count, struct err *err)
{
    struct db *db;
    struct id id[ROUTE_BATCH];
    const char *ids[ROUTE_BATCH];
    const char *jsons[ROUTE_BATCH];
    struct request *asked[ROUTE_BATCH];
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
    {
        if (!request_param_id(reqs[i], "id", &id[n]))
        {
            answer_title(reqs[i], NULL);
            continue;
        }
        ids[n] = id[n].text;
        asked[n++] = reqs[i];
    }
    if (n == 0)
        return E_OK;
    if (request_db(asked[0], &db, err) != E_OK ||
        media_store_get_many(db, asked[0]->arena, ids, n, jsons, err) != E_OK)
        return err->code;
    for (size_t i = 0; i < n; i++)
        answer_title(asked[i], jsons[i]);
    return E_OK;
}

enum err_code media_list_releases(struct request *req, struct err *err)
{
    struct db *db;
    struct id id;
    struct request_page asked;
    struct store_ask ask;
    struct store_page page;
    struct media_title title;
    if (answer_ask(req, &asked, &ask, err) != E_OK || answer_id(req, &id, missing, err) != E_OK ||
        request_db(req, &db, err) != E_OK ||
        media_store_title(db, req->arena, id.text, &title, err) != E_OK ||
        release_store_list(db, req->arena, id.text, &ask, &page, err) != E_OK)
        return err->code;
    return answer_page(req, &asked, &page, err);
}

static const char *releases_payload(struct request *req, const struct id *media,
                                    const struct title_part *part)
{
    const char *season =
        part->season > 0 ? arena_printf(req->arena, ",\"season\":%" PRId64, part->season) : "";
    const char *episode =
        part->episode > 0 ? arena_printf(req->arena, ",\"episode\":%" PRId64, part->episode) : "";
    if (season == NULL || episode == NULL)
        return NULL;
    return arena_printf(req->arena, "{\"media_id\":\"%s\"%s%s}", media->text, season, episode);
}

enum err_code media_search_releases(struct request *req, struct err *err)
{
    struct db *db;
    struct id media;
    struct title_part part;
    struct media_title title;
    struct accept_answer answer = {0};
    if (title_part_read(req, &part, err) != E_OK || answer_id(req, &media, missing, err) != E_OK ||
        request_db(req, &db, err) != E_OK ||
        media_store_title(db, req->arena, media.text, &title, err) != E_OK)
        return err->code;
    struct id id = id_new();
    const struct job_new job = {
        .job_id = id.text,
        .kind = "releases",
        .user_id = req->user.id.text,
        .request_id = req->id,
        .payload = releases_payload(req, &media, &part),
        .priority = JOB_NORMAL,
        .unique_key =
            arena_printf(req->arena, "%s:%" PRId64 ":%" PRId64, media.text, part.season, part.episode),
    };
    if (job.payload == NULL || job.unique_key == NULL)
        return fail(err, E_NO_MEMORY, "no memory for a job");
    if (accept_job(req, &job, &answer, err) != E_OK)
        return err->code;
    return accept_send(req, &answer, err);
}
