/* SPDX-License-Identifier: Apache-2.0 */
/* json_read: a struct filled from an object by a table of fields. */
#include "common/base/clock.h"
#include "common/base/id.h"
#include "common/base/utf8.h"
#include "common/json/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct reading
{
    struct arena *arena;
    const struct json_field *field; /* the one at hand */
    const struct json *value;
    void *at; /* its member of the struct */
};

/* "3 to 32 characters", "at least 3 characters", "at most 32 characters". */
static const char *counted(const struct reading *r, const char *what)
{
    const struct json_field *f = r->field;
    if (f->max == 0)
        return arena_printf(r->arena, "must have at least %" PRId64 " %s", f->min, what);
    if (f->min == 0)
        return arena_printf(r->arena, "must have at most %" PRId64 " %s", f->max, what);
    return arena_printf(r->arena, "must have %" PRId64 " to %" PRId64 " %s", f->min, f->max, what);
}

static bool count_fits(const struct json_field *field, size_t count)
{
    return (int64_t)count >= field->min && (field->max == 0 || (int64_t)count <= field->max);
}

static const char *read_text(const struct reading *r)
{
    const char *text = json_text(r->value, NULL);
    if (text == NULL)
        return "must be a text";
    if (!count_fits(r->field, utf8_count(text)))
        return counted(r, "characters");
    memcpy(r->at, &text, sizeof text);
    return NULL;
}

static const char *read_int(const struct reading *r)
{
    const struct json_field *f = r->field;
    int64_t number = json_int(r->value, INT64_MIN);
    if (number == INT64_MIN)
        return "must be a whole number";
    if (f->min != f->max && (number < f->min || number > f->max))
        return arena_printf(r->arena, "must be from %" PRId64 " to %" PRId64, f->min, f->max);
    memcpy(r->at, &number, sizeof number);
    return NULL;
}

static const char *read_number(const struct reading *r)
{
    const struct json_field *f = r->field;
    double number = json_number(r->value, (double)NAN);
    if (isnan(number))
        return "must be a number";
    if (f->min != f->max && (number < (double)f->min || number > (double)f->max))
        return arena_printf(r->arena, "must be from %" PRId64 " to %" PRId64, f->min, f->max);
    memcpy(r->at, &number, sizeof number);
    return NULL;
}

static const char *read_bool(const struct reading *r)
{
    bool yes = json_bool(r->value, false);
    if (yes != json_bool(r->value, true))
        return "must be true or false";
    memcpy(r->at, &yes, sizeof yes);
    return NULL;
}

static const char *read_time(const struct reading *r)
{
    const char *text = json_text(r->value, "");
    int64_t wall_ms = 0;
    if (!clock_parse(text, &wall_ms))
        return "must be a time like 2026-02-15T15:28:37Z";
    memcpy(r->at, &wall_ms, sizeof wall_ms);
    return NULL;
}

static const char *read_id(const struct reading *r)
{
    struct id id;
    if (!id_parse(json_text(r->value, ""), &id))
        return "must be a UUID";
    const char *text = arena_strdup(r->arena, id.text);
    memcpy(r->at, &text, sizeof text);
    return NULL;
}

static const char *read_object(const struct reading *r)
{
    if (!json_is_object(r->value))
        return "must be an object";
    memcpy(r->at, &r->value, sizeof r->value);
    return NULL;
}

static const char *read_array(const struct reading *r)
{
    if (!json_is_array(r->value))
        return "must be an array";
    if (!count_fits(r->field, json_count(r->value)))
        return counted(r, "elements");
    memcpy(r->at, &r->value, sizeof r->value);
    return NULL;
}

static const char *read_any(const struct reading *r)
{
    memcpy(r->at, &r->value, sizeof r->value);
    return NULL;
}

/* Each answers NULL, or what is wrong with the value. */
static const char *(*const readers[])(const struct reading *r) = {
    [JSON_TEXT] = read_text,     [JSON_LINES] = read_text, [JSON_INT] = read_int,
    [JSON_NUMBER] = read_number, [JSON_BOOL] = read_bool,  [JSON_TIME] = read_time,
    [JSON_ID] = read_id,         [JSON_ANY] = read_any,    [JSON_OBJECT] = read_object,
    [JSON_ARRAY] = read_array,
};

static const char *read_field(struct arena *arena, const struct json *object, const struct json_field *field,
                              void *out)
{
    const struct json *value = json_get(object, field->name);
    if (json_is_null(value))
        return field->need == JSON_REQUIRED ? "is required" : NULL;
    struct reading r = {.arena = arena, .field = field, .value = value, .at = (char *)out + field->at};
    return readers[field->type](&r);
}

static void complain(struct json_complaints *complaints, const char *field, const char *message)
{
    if (complaints->count < JSON_MAX_COMPLAINTS)
        complaints->list[complaints->count++] = (struct json_complaint){field, message};
}

enum err_code json_read(struct arena *arena, const struct json *object, const struct json_field *fields,
                        size_t count, void *out, struct json_complaints *complaints, struct err *err)
{
    struct json_complaints own;
    if (complaints == NULL)
        complaints = &own;
    complaints->count = 0;
    if (!json_is_object(object))
        return fail(err, E_INVALID, "must be a JSON object");
    for (size_t i = 0; i < count; i++)
    {
        const char *message = read_field(arena, object, &fields[i], out);
        if (message != NULL)
            complain(complaints, fields[i].name, message);
    }
    if (arena_failed(arena))
        return fail(err, E_NO_MEMORY, "no memory to read a JSON object");
    if (complaints->count == 0)
        return E_OK;
    return fail(err, E_INVALID, "%s %s", complaints->list[0].field, complaints->list[0].message);
}
