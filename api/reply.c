/* SPDX-License-Identifier: Apache-2.0 */
#include "api/reply.h"

#include <string.h>

enum
{
    STATUS_UNAVAILABLE = 503,
    STATUS_TOO_MANY = 429,
    STATUS_UNAUTHENTICATED = 401
};

static const char type_json[] = "application/json";
static const char type_problem[] = "application/problem+json";

const char reply_raw_unavailable[] = "HTTP/1.1 503 Service Unavailable\r\n"
                                     "Content-Type: application/problem+json\r\n"
                                     "Retry-After: 5\r\nConnection: close\r\nContent-Length: 111\r\n\r\n"
                                     "{\"type\":\"urn:sokoul:problem:shutdown\",\"title\":\"Shutting down\","
                                     "\"status\":503,\"detail\":\"the server is going away\"}";
const char reply_raw_full[] =
    "HTTP/1.1 503 Service Unavailable\r\n"
    "Content-Type: application/problem+json\r\n"
    "Retry-After: 5\r\nConnection: close\r\nContent-Length: 134\r\n\r\n"
    "{\"type\":\"urn:sokoul:problem:unavailable\",\"title\":\"Service unavailable\","
    "\"status\":503,\"detail\":\"every place is taken, please ask again\"}";

struct json_writer reply_begin(struct request *req)
{
    buf_clear(&req->reply.body);
    return json_writer(&req->reply.body);
}

static enum err_code set(struct request *req, int status, const char *content_type, struct err *err)
{
    if (req->reply.body.failed)
        return fail(err, E_BUG, "the answer outgrew its limit");
    req->reply.status = status;
    req->reply.content_type = content_type;
    return E_OK;
}

enum err_code reply_json(struct request *req, enum reply_status status, struct err *err)
{
    return set(req, (int)status, type_json, err);
}

enum err_code reply_json_unavailable(struct request *req, struct err *err)
{
    return set(req, STATUS_UNAVAILABLE, type_json, err);
}

enum err_code reply_text(struct request *req, enum reply_status status, const char *content_type,
                         struct err *err)
{
    return set(req, (int)status, content_type, err);
}

enum err_code reply_no_content(struct request *req)
{
    buf_clear(&req->reply.body);
    return set(req, (int)REPLY_NO_CONTENT, NULL, NULL);
}

enum err_code reply_not_modified(struct request *req)
{
    buf_clear(&req->reply.body);
    return set(req, (int)REPLY_NOT_MODIFIED, NULL, NULL);
}

static bool is_header_value(const char *value)
{
    for (const char *c = value; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return false;
    return value[0] != '\0';
}

void reply_header(struct request *req, const char *name, const char *value)
{
    struct request_reply *reply = &req->reply;
    size_t room = sizeof reply->header / sizeof reply->header[0];
    if (value == NULL || !is_header_value(value))
        return;
    size_t at = 0;
    while (at < reply->header_count && strcmp(reply->header[at].name, name) != 0)
        at++;
    if (at == room)
        return;
    reply->header[at] = (struct request_pair){name, value};
    if (at == reply->header_count)
        reply->header_count++;
}

/* What a client reads.  Texts of our own faults and of the database stay in the log. */
static const char *detail_of(const struct err *err)
{
    switch (err->code)
    {
    case E_BUG:
    case E_CONFIG:
        return "something went wrong on our side; the log knows more under this request id";
    case E_DATABASE:
        return "the database is unavailable at the moment, please try again";
    default:
        return err->text;
    }
}

static void put_complaints(struct json_writer *w, const struct json_complaints *complaints)
{
    json_begin_array(w, "errors");
    for (size_t i = 0; i < complaints->count; i++)
    {
        json_begin_object(w, NULL);
        json_put_text(w, "field", complaints->list[i].field);
        json_put_text(w, "message", complaints->list[i].message);
        json_end_object(w);
    }
    json_end_array(w);
}

void reply_error(struct request *req, const struct err *err)
{
    enum err_code code = err->code == E_OK ? E_BUG : err->code;
    int status = err_http(code);
    struct json_writer w = reply_begin(req);
    json_begin_object(&w, NULL);
    json_put_text(&w, "type", arena_printf(req->arena, "urn:sokoul:problem:%s", err_reason(code)));
    json_put_text(&w, "title", err_title(code));
    json_put_int(&w, "status", status);
    json_put_text(&w, "detail", detail_of(err));
    json_put_text(&w, "request_id", req->id);
    if (code == E_INVALID && req->complaints.count > 0)
        put_complaints(&w, &req->complaints);
    json_end_object(&w);
    req->reply.status = status;
    req->reply.content_type = type_problem;
    if (status == STATUS_UNAVAILABLE || status == STATUS_TOO_MANY)
        reply_header(req, "Retry-After",
                     arena_printf(req->arena, "%u",
                                  err->retry_after_s > 0 ? err->retry_after_s : REPLY_RETRY_AFTER_S));
    if (status == STATUS_UNAUTHENTICATED)
        reply_header(req, "WWW-Authenticate", "Bearer");
}

void reply_error_and_close(struct request *req, const struct err *err)
{
    req->reply.close = true;
    reply_error(req, err);
}

/* The reason is not read by anybody (RFC 9112, 4). */
void reply_raw(const struct request *req, struct buf *out)
{
    const struct request_reply *reply = &req->reply;
    buf_addf(out,
             "HTTP/1.1 %d \r\nX-Request-ID: %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
             "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n",
             reply->status, req->id, reply->content_type, reply->body.len);
    for (size_t i = 0; i < reply->header_count; i++)
        buf_addf(out, "%s: %s\r\n", reply->header[i].name, reply->header[i].value);
    buf_addf(out, "\r\n");
    buf_add(out, reply->body.data, reply->body.len);
}
