/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json/write.h"

#include "common/base/clock.h"
#include "common/base/utf8.h"
#include "common/json/number.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
    MAX_DEPTH = 63 /* bits of `seen` */
};

struct json_writer json_writer(struct buf *buf)
{
    return (struct json_writer){.buf = buf};
}

/* Whether the byte stands in a JSON string as it is. */
static bool plain(char c)
{
    unsigned char u = (unsigned char)c;
    return u >= 0x20 && u < 0x80 && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&';
}

static void quote(struct buf *buf, const char *text, size_t len)
{
    buf_add_char(buf, '"');
    for (size_t at = 0; at < len && !buf->failed;)
    {
        size_t run = 0;
        while (at + run < len && plain(text[at + run]))
            run++;
        buf_add(buf, text + at, run);
        at += run;
        if (at == len)
            break;
        char out[UTF8_JSON_MAX];
        size_t out_len = 0;
        at += utf8_json_step(text + at, len - at, out, &out_len);
        buf_add(buf, out, out_len);
    }
    buf_add_char(buf, '"');
}

/* The comma and the key that stand before every value. */
static void lead(struct json_writer *w, const char *name)
{
    uint64_t bit = UINT64_C(1) << w->depth;
    if ((w->seen & bit) != 0)
        buf_add_char(w->buf, ',');
    w->seen |= bit;
    if (name == NULL)
        return;
    quote(w->buf, name, strlen(name));
    buf_add_char(w->buf, ':');
}

static void enter(struct json_writer *w, const char *name, char bracket)
{
    lead(w, name);
    buf_add_char(w->buf, bracket);
    if (w->depth == MAX_DEPTH)
        abort(); /* shapes are ours: a depth of 63 is a bug */
    w->depth++;
    w->seen &= ~(UINT64_C(1) << w->depth);
}

static void leave(struct json_writer *w, char bracket)
{
    if (w->depth == 0)
        abort();
    w->depth--;
    buf_add_char(w->buf, bracket);
}

void json_begin_object(struct json_writer *w, const char *name)
{
    enter(w, name, '{');
}

void json_end_object(struct json_writer *w)
{
    leave(w, '}');
}

void json_begin_array(struct json_writer *w, const char *name)
{
    enter(w, name, '[');
}

void json_end_array(struct json_writer *w)
{
    leave(w, ']');
}

void json_put_text(struct json_writer *w, const char *name, const char *text)
{
    json_put_text_n(w, name, text, text == NULL ? 0 : strlen(text));
}

void json_put_text_n(struct json_writer *w, const char *name, const char *text, size_t len)
{
    lead(w, name);
    if (text == NULL)
        buf_add_text(w->buf, "null");
    else
        quote(w->buf, text, len);
}

void json_put_int(struct json_writer *w, const char *name, int64_t value)
{
    lead(w, name);
    buf_addf(w->buf, "%" PRId64, value);
}

/* The shortest of 15 to 17 digits that reads back as the same double. */
static void print_number(char *text, size_t size, double value)
{
    for (int precision = 15; precision <= 17; precision++)
    {
        snprintf(text, size, "%.*g", precision, value);
        double back = strtod(text, NULL);
        if (back >= value && back <= value)
            return;
    }
}

void json_put_number(struct json_writer *w, const char *name, double value)
{
    char text[32] = "null";
    if (isfinite(value))
        print_number(text, sizeof text, value);
    lead(w, name);
    buf_add_text(w->buf, text);
}

void json_put_bool(struct json_writer *w, const char *name, bool value)
{
    lead(w, name);
    buf_add_text(w->buf, value ? "true" : "false");
}

void json_put_null(struct json_writer *w, const char *name)
{
    lead(w, name);
    buf_add_text(w->buf, "null");
}

void json_put_time(struct json_writer *w, const char *name, int64_t wall_ms)
{
    char text[CLOCK_TEXT_SIZE];
    clock_format(wall_ms, text);
    json_put_text(w, name, text[0] == '\0' ? NULL : text);
}

static void put_number_text(struct json_writer *w, const char *name, const char *text)
{
    lead(w, name);
    buf_add_text(w->buf, text);
}

static void put_children(struct json_writer *w, const struct json *value)
{
    for (const struct json *at = json_first(value); at != NULL; at = json_next(at))
        json_put_value(w, json_name(at), at);
}

void json_put_value(struct json_writer *w, const char *name, const struct json *value)
{
    const cJSON *item = (const cJSON *)(const void *)value;
    if (json_is_object(value))
    {
        json_begin_object(w, name);
        put_children(w, value);
        json_end_object(w);
    }
    else if (json_is_array(value))
    {
        json_begin_array(w, name);
        put_children(w, value);
        json_end_array(w);
    }
    else if (cJSON_IsString(item))
        json_put_text(w, name, item->valuestring);
    else if (number_text(item) != NULL)
        put_number_text(w, name, number_text(item));
    else if (json_int(value, INT64_MIN) != INT64_MIN)
        json_put_int(w, name, json_int(value, 0));
    else if (cJSON_IsNumber(item))
        json_put_number(w, name, item->valuedouble);
    else if (cJSON_IsBool(item))
        json_put_bool(w, name, cJSON_IsTrue(item) != 0);
    else
        json_put_null(w, name);
}

void json_put_raw(struct json_writer *w, const char *name, const char *json)
{
    lead(w, name);
    if (json == NULL || json[0] == '\0')
        json = "null";
    /* Outside of strings JSON has none of these, so they may be replaced without looking where they stand. */
    size_t plain = strcspn(json, "<>&");
    while (json[plain] != '\0')
    {
        buf_add(w->buf, json, plain);
        buf_addf(w->buf, "\\u%04x", (unsigned)json[plain]);
        json += plain + 1;
        plain = strcspn(json, "<>&");
    }
    buf_add(w->buf, json, plain);
}
