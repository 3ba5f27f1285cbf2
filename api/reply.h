/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reply.h -- answers, and the only place where an HTTP status is written.
 *
 *     struct json_writer w = reply_begin(req);
 *     json_begin_object(&w, NULL);
 *     ...
 *     reply_header(req, "Location", arena_printf(req->arena, "/jobs/%s", id));
 *     return reply_json(req, REPLY_ACCEPTED, err);
 *
 * A reply is one: a later call replaces the earlier.  Headers given before stay.  Every answer gets
 * X-Request-ID, Cache-Control: no-store and nosniff from the shell.
 * Errors are RFC 9457 problem+json made from err.h's table: status and title by the code, detail by
 * the text, errors[] by the request's complaints; E_BUG's text is logged and not sent.  Codes whose
 * status is 503 or 429 carry Retry-After (err.retry_after_s, or 5).
 * Threads: the request's.
 */
#ifndef SOKOUL_API_REPLY_H
#define SOKOUL_API_REPLY_H

#include "api/request.h"
#include "common/json/write.h"

enum reply_status
{
    REPLY_OK = 200,
    REPLY_CREATED = 201,
    REPLY_ACCEPTED = 202,
    REPLY_NO_CONTENT = 204,
    REPLY_NOT_MODIFIED = 304
};

enum
{
    REPLY_MAX_BYTES = 16 << 20,
    REPLY_RETRY_AFTER_S = 5
};

/* A writer on the request's own, emptied reply buffer. */
struct json_writer reply_begin(struct request *req);
/* Sends what was written since reply_begin. E_BUG: it outgrew REPLY_MAX_BYTES. */
MUST_USE enum err_code reply_json(struct request *req, enum reply_status status, struct err *err);
/* What was written since reply_begin, as another type; `content_type` is static. */
MUST_USE enum err_code reply_text(struct request *req, enum reply_status status, const char *content_type,
                                  struct err *err);
/* 204; always E_OK, so that a handler ends with it. */
enum err_code reply_no_content(struct request *req);
/* 304; the same. */
enum err_code reply_not_modified(struct request *req);

/* `name` is static, `value` of the arena or static; at most 12, NULL and broken values are left out. */
void reply_header(struct request *req, const char *name, const char *value);

/* problem+json.  Handlers return their failure instead; only batch handlers call this, request by request. */
void reply_error(struct request *req, const struct err *err);
/* Like reply_json, but of health routes: 503 with the same body. */
MUST_USE enum err_code reply_json_unavailable(struct request *req, struct err *err);
/* Everything wrong on the way in: answer, then close the connection. */
void reply_error_and_close(struct request *req, const struct err *err);

/* The reply that stands, as bytes with its head and the end of the connection. */
void reply_raw(const struct request *req, struct buf *out);

/* Whole answers as bytes: when nobody is left to make one, and when every slot is taken. */
extern const char reply_raw_unavailable[];
extern const char reply_raw_full[];

#endif
