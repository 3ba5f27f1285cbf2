/* SPDX-License-Identifier: Apache-2.0 */
#include "api/request.h"

#include "api/lane.h"
#include "common/base/parse.h"
#include "common/base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

const char *method_name(enum method method)
{
    static const char *const names[] = {
#define X(id, name) name,
        METHOD_TABLE(X)
#undef X
            "OTHER"};
    return names[method];
}

static const char *find(const struct request_pair *pairs, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(pairs[i].name, name) == 0)
            return pairs[i].value;
    return NULL;
}

const char *request_param(const struct request *req, const char *name)
{
    return find(req->param, req->param_count, name);
}

bool request_param_id(const struct request *req, const char *name, struct id *id)
{
    const char *text = request_param(req, name);
    return text != NULL && id_parse(text, id);
}

const char *request_query(const struct request *req, const char *name)
{
    return find(req->query, req->query_count, name);
}

enum err_code request_go_on(struct request *req, struct request_step step)
{
    req->step = step;
    return E_OK;
}

const char *request_owner(const struct request *req)
{
    return req->user.id.text[0] != '\0' ? req->user.id.text : req->block;
}

enum err_code request_complain(struct request *req, struct err *err, const char *field, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    char text[160];
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    struct json_complaints *all = &req->complaints;
    const char *copy = arena_strdup(req->arena, text);
    if (copy != NULL && all->count < JSON_MAX_COMPLAINTS)
        all->list[all->count++] = (struct json_complaint){field, copy};
    if (all->count == 0)
        return fail(err, E_INVALID, "%.40s %s", field, text);
    return fail(err, E_INVALID, "%.40s %s", all->list[0].field, all->list[0].message);
}

enum err_code request_query_int(struct request *req, const char *name, int64_t min, int64_t max,
                                int64_t *value, struct err *err)
{
    const char *text = request_query(req, name);
    int64_t number = 0;
    if (text == NULL)
        return E_OK;
    if (!parse_i64(text, &number) || number < min || number > max)
        return request_complain(req, err, name, "must be a whole number from %lld to %lld", (long long)min,
                                (long long)max);
    *value = number;
    return E_OK;
}

enum err_code request_page(struct request *req, struct request_page *page, struct err *err)
{
    *page = (struct request_page){.page = 1, .limit = 20, .cursor = request_query(req, "cursor")};
    enum err_code first = request_query_int(req, "page", 1, UINT32_MAX, &page->page, err);
    enum err_code second = request_query_int(req, "limit", 1, 100, &page->limit, err);
    return first != E_OK ? first : second;
}

enum err_code request_json(struct request *req, const struct json **doc, struct err *err)
{
    return json_parse(req->arena, req->body, req->body_len, doc, err);
}

/* What json_read does not ask of a text. */
static enum err_code check_texts(struct request *req, const struct json_field *fields, size_t count,
                                 const void *out, struct err *err)
{
    enum err_code code = E_OK;
    for (size_t i = 0; i < count; i++)
    {
        const struct json_field *field = &fields[i];
        const char *text = NULL;
        if (field->type != JSON_TEXT && field->type != JSON_LINES)
            continue;
        if (field->max == 0)
            return fail(err, E_BUG, "the text %s has no limit", field->name);
        memcpy(&text, (const char *)out + field->at, sizeof text);
        if (field->type == JSON_TEXT && text != NULL && utf8_has_controls(text))
            code = request_complain(req, err, field->name, "must not have control characters");
    }
    return code;
}

enum err_code request_read(struct request *req, const struct json_field *fields, size_t count, void *out,
                           struct err *err)
{
    const struct json *doc = NULL;
    if (request_json(req, &doc, err) != E_OK)
        return err->code;
    if (!json_is_object(doc))
        return fail(err, E_INVALID, "the body must be a JSON object");
    const enum err_code code = json_read(req->arena, doc, fields, count, out, &req->complaints, err);
    if (code != E_OK && code != E_INVALID)
        return code;
    const enum err_code texts = check_texts(req, fields, count, out, err);
    return texts != E_OK ? texts : code;
}

bool request_is_type(const struct request *req, const char *type)
{
    const char *have = req->header[HEADER_CONTENT_TYPE];
    size_t len = strlen(type);
    if (have == NULL || strncasecmp(have, type, len) != 0)
        return false;
    return have[len] == '\0' || have[len] == ';' || have[len] == ' ' || have[len] == '\t';
}

enum err_code request_db(struct request *req, struct db **db, struct err *err)
{
    return lane_thread_db(req->thread, db, err);
}

void request_db_release(struct request *req)
{
    lane_thread_db_release(req->thread);
}

struct cache *request_cache(struct request *req)
{
    return lane_thread_cache(req->thread);
}

struct http_client *request_http(struct request *req)
{
    return lane_thread_http(req->thread);
}
