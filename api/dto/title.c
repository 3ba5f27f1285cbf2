/* SPDX-License-Identifier: Apache-2.0 */
#include "api/dto/title.h"

#include "common/base/parse.h"
#include "common/base/utf8.h"

#include <string.h>

enum
{
    WORD_MAX = 16,
    QUERY_MAX = 200,
    PART_MAX = 10000
};

#define COUNT(list) (sizeof(list) / sizeof(list)[0])

static enum err_code type_read(struct request *req, const char *text, enum provider_type *type,
                               struct err *err)
{
    static const enum provider_type types[] = {PROVIDER_MULTI, PROVIDER_MOVIE, PROVIDER_TV};
    if (text == NULL)
        return E_OK;
    for (size_t i = 0; i < COUNT(types); i++)
    {
        if (strcmp(text, provider_type_name(types[i])) == 0)
        {
            *type = types[i];
            return E_OK;
        }
    }
    return request_complain(req, err, "type", "must be multi, movie or tv");
}

static enum err_code query_read(struct request *req, const char *text, struct catalog_query *query,
                                struct err *err)
{
    query->query = catalog_words(req->arena, text);
    if (query->query[0] == '\0')
        return request_complain(req, err, "query", "must not be empty");
    if (utf8_count(query->query) > QUERY_MAX)
        return request_complain(req, err, "query", "must have at most %d characters", QUERY_MAX);
    return E_OK;
}

enum err_code title_search_read(struct request *req, struct title_search *out, struct err *err)
{
    *out = (struct title_search){.query = {.page = 1}};
    enum err_code query = query_read(req, request_query(req, "query"), &out->query, err);
    enum err_code type = type_read(req, request_query(req, "type"), &out->query.type, err);
    enum err_code page = request_page(req, &out->page, err);
    uint32_t from = 0;
    if (out->page.cursor != NULL && (!parse_u32(out->page.cursor, &from) || from < 1))
        return request_complain(req, err, "cursor", "is not one that a search has given");
    if (out->page.cursor != NULL)
        out->page.page = from;
    return query != E_OK ? query : type != E_OK ? type : page;
}

enum err_code title_search_job_read(struct request *req, struct title_search_job *out, struct err *err)
{
    struct body
    {
        const char *query;
        const char *type;
        int64_t page;
        int64_t wait_ms;
    } body = {.page = 1, .wait_ms = TITLE_WAIT_MS};
    static const struct json_field fields[] = {
        {"query", JSON_TEXT, JSON_REQUIRED, offsetof(struct body, query), 1, QUERY_MAX},
        {"type", JSON_TEXT, JSON_OPTIONAL, offsetof(struct body, type), 0, WORD_MAX},
        {"page", JSON_INT, JSON_OPTIONAL, offsetof(struct body, page), 1, TMDB_MAX_PAGE},
        {"wait_ms", JSON_INT, JSON_OPTIONAL, offsetof(struct body, wait_ms), 0, TITLE_MAX_WAIT_MS},
    };
    enum err_code code = request_read(req, fields, COUNT(fields), &body, err);
    if (code != E_OK && code != E_INVALID)
        return code;
    *out = (struct title_search_job){.query = {.page = (int)body.page}, .wait_ms = body.wait_ms};
    enum err_code type = type_read(req, body.type, &out->query.type, err);
    enum err_code query = body.query == NULL ? code : query_read(req, body.query, &out->query, err);
    return code != E_OK ? code : type != E_OK ? type : query;
}

enum err_code title_ref_read(struct request *req, struct title_ref *out, struct err *err)
{
    static const struct json_field fields[] = {
        {"media_id", JSON_ID, JSON_OPTIONAL, offsetof(struct title_ref, media_id), 0, 0},
        {"tmdb_id", JSON_INT, JSON_OPTIONAL, offsetof(struct title_ref, tmdb_id), 0, INT64_C(1) << 53},
        {"media_type", JSON_TEXT, JSON_OPTIONAL, offsetof(struct title_ref, media_type), 0, WORD_MAX},
    };
    *out = (struct title_ref){.tmdb_id = -1};
    enum err_code code = request_read(req, fields, COUNT(fields), out, err);
    if (code != E_OK)
        return code;
    if (out->media_id != NULL)
        return E_OK;
    if (out->tmdb_id < 0)
        return request_complain(req, err, "media_id", "is needed, or tmdb_id and media_type");
    if (out->media_type == NULL ||
        (strcmp(out->media_type, "movie") != 0 && strcmp(out->media_type, "tv") != 0))
        return request_complain(req, err, "media_type", "must be movie or tv");
    return E_OK;
}

enum err_code title_watched_read(struct request *req, struct title_watched *out, struct err *err)
{
    static const struct json_field fields[] = {
        {"media_id", JSON_ID, JSON_REQUIRED, offsetof(struct title_watched, media_id), 0, 0},
        {"position_s", JSON_INT, JSON_REQUIRED, offsetof(struct title_watched, position_s), 0, INT32_MAX},
        {"duration_s", JSON_INT, JSON_OPTIONAL, offsetof(struct title_watched, duration_s), 0, INT32_MAX},
    };
    *out = (struct title_watched){.duration_s = -1};
    return request_read(req, fields, COUNT(fields), out, err);
}

enum err_code title_part_read(struct request *req, struct title_part *out, struct err *err)
{
    static const struct json_field fields[] = {
        {"season", JSON_INT, JSON_OPTIONAL, offsetof(struct title_part, season), 0, PART_MAX},
        {"episode", JSON_INT, JSON_OPTIONAL, offsetof(struct title_part, episode), 0, PART_MAX},
    };
    *out = (struct title_part){0};
    if (req->body_len == 0)
        return E_OK;
    return request_read(req, fields, COUNT(fields), out, err);
}
