/* SPDX-License-Identifier: Apache-2.0 */
/*
 * write.h -- the one writer of JSON.
 *
 * Appends to a buf; commas are its business.  `name` is the key inside an object and NULL
 * inside an array or at the top.  '<', '>' and '&' are written as \u003c, \u003e, \u0026;
 * bytes that are not UTF-8 become U+FFFD.  NULL texts are written as null.
 * A failed buf makes everything a no-op; check buf.failed once at the end.
 *
 *     struct json_writer w = json_writer(&buf);
 *     json_begin_object(&w, NULL);
 *     json_put_text(&w, "title", title);
 *     json_end_object(&w);
 */
#ifndef SOKOUL_COMMON_JSON_WRITE_H
#define SOKOUL_COMMON_JSON_WRITE_H

#include "common/base/buf.h"
#include "common/json/json.h"

struct json_writer
{
    struct buf *buf;
    int depth;
    uint64_t seen; /* bit per depth: something stands there already */
};

struct json_writer json_writer(struct buf *buf);
void json_begin_object(struct json_writer *w, const char *name);
void json_end_object(struct json_writer *w);
void json_begin_array(struct json_writer *w, const char *name);
void json_end_array(struct json_writer *w);
void json_put_text(struct json_writer *w, const char *name, const char *text);
void json_put_text_n(struct json_writer *w, const char *name, const char *text, size_t len);
void json_put_int(struct json_writer *w, const char *name, int64_t value);
void json_put_number(struct json_writer *w, const char *name, double value); /* not finite: null */
void json_put_bool(struct json_writer *w, const char *name, bool value);
void json_put_null(struct json_writer *w, const char *name);
void json_put_time(struct json_writer *w, const char *name, int64_t wall_ms);
void json_put_value(struct json_writer *w, const char *name, const struct json *value);
/* Text that is JSON already (from Postgres or a writer), '<', '>' and '&' escaped on the way; NULL or ""
 * writes null. */
void json_put_raw(struct json_writer *w, const char *name, const char *json);

#endif
