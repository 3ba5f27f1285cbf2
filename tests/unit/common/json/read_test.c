/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json/json.h"

#include "tests/support/suite.h"

#include <stdio.h>
#include <string.h>

struct thing
{
    const char *name;
    int64_t count;
    double ratio;
    bool loud;
    int64_t at_ms;
    const char *id;
    const struct json *extra;
    const struct json *list;
    const struct json *any;
};

static const struct json_field fields[] = {
    {.name = "name",
     .type = JSON_TEXT,
     .need = JSON_REQUIRED,
     .at = offsetof(struct thing, name),
     .min = 3,
     .max = 5},
    {.name = "count", .type = JSON_INT, .at = offsetof(struct thing, count), .min = 1, .max = 100},
    {.name = "ratio", .type = JSON_NUMBER, .at = offsetof(struct thing, ratio), .min = 0, .max = 10},
    {.name = "loud", .type = JSON_BOOL, .at = offsetof(struct thing, loud)},
    {.name = "at", .type = JSON_TIME, .at = offsetof(struct thing, at_ms)},
    {.name = "id", .type = JSON_ID, .at = offsetof(struct thing, id)},
    {.name = "extra", .type = JSON_OBJECT, .at = offsetof(struct thing, extra)},
    {.name = "list", .type = JSON_ARRAY, .at = offsetof(struct thing, list), .min = 1, .max = 2},
    {.name = "any", .type = JSON_ANY, .at = offsetof(struct thing, any)},
};

enum
{
    FIELDS = sizeof fields / sizeof fields[0]
};

static struct arena *arena;

static enum err_code read_thing(const char *text, struct thing *thing, struct json_complaints *complaints,
                                struct err *err)
{
    const struct json *doc = NULL;
    arena = arena_new(1 << 20);
    ck_assert_int_eq(json_parse(arena, text, strlen(text), &doc, err), E_OK);
    return json_read(arena, doc, fields, FIELDS, thing, complaints, err);
}

START_TEST(read__fills_every_type)
{
    struct thing thing = {.count = 0};
    struct err err = ERR_INIT;
    ck_assert_int_eq(
        read_thing("{\"name\":\"éé€\",\"count\":100,\"ratio\":2.5,\"loud\":true,"
                   "\"at\":\"1970-01-01T00:00:01Z\",\"id\":\"0192F0C1-7B7E-7ABC-8DEF-0123456789AB\","
                   "\"extra\":{\"x\":1},\"list\":[1,2],\"any\":7,\"unknown\":[]}",
                   &thing, NULL, &err),
        E_OK);
    ck_assert_str_eq(thing.name, "éé€");
    ck_assert_int_eq(thing.count, 100);
    ck_assert_double_eq(thing.ratio, 2.5);
    ck_assert(thing.loud);
    ck_assert_int_eq(thing.at_ms, 1000);
    ck_assert_str_eq(thing.id, "0192f0c1-7b7e-7abc-8def-0123456789ab");
    ck_assert_int_eq(json_int(json_get(thing.extra, "x"), 0), 1);
    ck_assert_uint_eq(json_count(thing.list), 2);
    ck_assert_int_eq(json_int(thing.any, 0), 7);
}
END_TEST

START_TEST(read__leaves_defaults_where_nothing_stands)
{
    struct thing thing = {.count = 20, .loud = true};
    struct err err = ERR_INIT;
    ck_assert_int_eq(read_thing("{\"name\":\"abc\",\"count\":null}", &thing, NULL, &err), E_OK);
    ck_assert_int_eq(thing.count, 20);
    ck_assert(thing.loud);
    ck_assert_ptr_null(thing.id);
}
END_TEST

/* req: S27, S28 */
static const struct
{
    const char *text;
    const char *message; /* NULL: accepted */
} rows[] = {
    {"{\"name\":\"ab\"}", "name must have 3 to 5 characters"},
    {"{\"name\":\"abcdef\"}", "name must have 3 to 5 characters"},
    {"{\"name\":\"ééééé\"}", NULL},
    {"{\"name\":7}", "name must be a text"},
    {"{\"name\":null}", "name is required"},
    {"{}", "name is required"},
    {"{\"name\":\"abc\",\"count\":0}", "count must be from 1 to 100"},
    {"{\"name\":\"abc\",\"count\":1}", NULL},
    {"{\"name\":\"abc\",\"count\":100}", NULL},
    {"{\"name\":\"abc\",\"count\":101}", "count must be from 1 to 100"},
    {"{\"name\":\"abc\",\"count\":-1}", "count must be from 1 to 100"},
    {"{\"name\":\"abc\",\"count\":1.5}", "count must be a whole number"},
    {"{\"name\":\"abc\",\"count\":\"1\"}", "count must be a whole number"},
    {"{\"name\":\"abc\",\"count\":9007199254740993}", "count must be from 1 to 100"},
    {"{\"name\":\"abc\",\"count\":9223372036854775808}", "count must be a whole number"},
    {"{\"name\":\"abc\",\"count\":9007199254740993.0}", "count must be a whole number"},
    {"{\"name\":\"abc\",\"count\":1e300}", "count must be a whole number"},
    {"{\"name\":\"abc\",\"ratio\":10.5}", "ratio must be from 0 to 10"},
    {"{\"name\":\"abc\",\"ratio\":\"x\"}", "ratio must be a number"},
    {"{\"name\":\"abc\",\"loud\":1}", "loud must be true or false"},
    {"{\"name\":\"abc\",\"at\":\"yesterday\"}", "at must be a time like 2026-02-15T15:28:37Z"},
    {"{\"name\":\"abc\",\"at\":5}", "at must be a time like 2026-02-15T15:28:37Z"},
    {"{\"name\":\"abc\",\"id\":\"x\"}", "id must be a UUID"},
    {"{\"name\":\"abc\",\"extra\":[]}", "extra must be an object"},
    {"{\"name\":\"abc\",\"list\":{}}", "list must be an array"},
    {"{\"name\":\"abc\",\"list\":[]}", "list must have 1 to 2 elements"},
    {"{\"name\":\"abc\",\"list\":[1,2,3]}", "list must have 1 to 2 elements"},
    {"[]", "must be a JSON object"},
    {"\"abc\"", "must be a JSON object"},
};

START_TEST(read__says_what_is_wrong)
{
    struct thing thing = {.count = 20};
    struct err err = ERR_INIT;
    enum err_code code = read_thing(rows[_i].text, &thing, NULL, &err);
    ck_assert_int_eq(code, rows[_i].message == NULL ? E_OK : E_INVALID);
    if (rows[_i].message != NULL)
        ck_assert_str_eq(err.text, rows[_i].message);
}
END_TEST

START_TEST(read__collects_every_complaint)
{
    struct thing thing = {.count = 20};
    struct err err = ERR_INIT;
    struct json_complaints complaints;
    ck_assert_int_eq(read_thing("{\"count\":0,\"id\":7}", &thing, &complaints, &err), E_INVALID);
    ck_assert_uint_eq(complaints.count, 3);
    ck_assert_str_eq(complaints.list[0].field, "name");
    ck_assert_str_eq(complaints.list[1].field, "count");
    ck_assert_str_eq(complaints.list[1].message, "must be from 1 to 100");
    ck_assert_str_eq(complaints.list[2].field, "id");
    ck_assert_str_eq(err.text, "name is required");
}
END_TEST

int main(void)
{
    struct suite_case cases[] = {
        {read__fills_every_type, 1},
        {read__leaves_defaults_where_nothing_stands, 1},
        {read__says_what_is_wrong, sizeof rows / sizeof rows[0]},
        {read__collects_every_complaint, 1},
    };
    return suite_run("read", cases, sizeof cases / sizeof cases[0]);
}
