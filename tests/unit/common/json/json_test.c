/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json/json.h"

#include "tests/support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct arena *arena;

static enum err_code parse(const char *text, const struct json **doc, struct err *err)
{
    if (arena == NULL)
        arena = arena_new(16 << 20);
    return json_parse(arena, text, strlen(text), doc, err);
}

static const struct json *parsed(const char *text)
{
    const struct json *doc = NULL;
    struct err err = ERR_INIT;
    ck_assert_msg(parse(text, &doc, &err) == E_OK, "%s: %s", text, err.text);
    return doc;
}

/* req: S50 */
static const struct
{
    const char *text;
    const char *complaint; /* a part of it */
} bad[] = {
    {"", "byte 0: cut short"},
    {"   ", "cut short"},
    {"{", "a name in quotes"},
    {"[", "cut short"},
    {"[1", "cut short"},
    {"[1,", "cut short"},
    {"[1,]", "not a JSON value"},
    {"[,1]", "not a JSON value"},
    {"[1 2]", "a comma or a closing bracket"},
    {"{\"a\":1,}", "a name in quotes"},
    {"{\"a\" 1}", "a colon"},
    {"{\"a\":}", "not a JSON value"},
    {"{a:1}", "a name in quotes"},
    {"{'a':1}", "a name in quotes"},
    {"{\"a\":1]", "a comma or a closing bracket"},
    {"{\"a\":1} x", "byte 8: something stands after"},
    {"1 2", "something stands after"},
    {"[]]", "something stands after"},
    {"// c\n1", "not a JSON value"},
    {"\xef\xbb\xbf{}", "not a JSON value"},
    {"NaN", "not a JSON value"},
    {"Infinity", "not a JSON value"},
    {"-Infinity", "needs digits"},
    {"nul", "not a JSON value"},
    {"True", "not a JSON value"},
    {"007", "leading zero"},
    {"-01", "leading zero"},
    {"+1", "not a JSON value"},
    {".5", "not a JSON value"},
    {"1.", "digits after its point"},
    {"1e", "digits in its exponent"},
    {"1e+", "digits in its exponent"},
    {"-", "needs digits"},
    {"0x10", "something stands after"},
    {"1e999", "too large"},
    {"-1e999", "too large"},
    {"1e400", "too large"},
    {"1e-1000", "too long"},
    {"0e1001", "too long"},
    {"1e0000000000000000000000000000000000001001", "too large"},
    {"0e99999999999999999999999999999999999999", "too long"},
    {"\"abc", "without an end"},
    {"\"a\nb\"", "control character"},
    {"\"a\tb\"", "control character"},
    {"\"\x01\"", "control character"},
    {"\"\\x41\"", "unknown escape"},
    {"\"\\", "unknown escape"},
    {"\"\\u12\"", "four hexadecimal"},
    {"\"\\u12g4\"", "four hexadecimal"},
    {"\"\\u0000\"", "\\u0000"},
    {"{\"a\\u0000b\":1}", "\\u0000"},
    {"\"\\ud800\"", "lone surrogate"},
    {"\"\\udc00\"", "lone surrogate"},
    {"\"\\ud800\\ud800\"", "lone surrogate"},
    {"\"\\ud800x\"", "lone surrogate"},
    {"\"\\ud800\\n12345\"", "lone surrogate"},
    {"\"\xff\"", "not UTF-8"},
    {"\"\xc0\x80\"", "not UTF-8"},
    {"\"\xed\xa0\x80\"", "not UTF-8"},
    {"\"\xc3\"", "not UTF-8"},
    {"{\"a\":1,\"a\":2}", "\"a\" stands twice"},
    {"{\"a\":1,\"\\u0061\":2}", "\"a\" stands twice"},
    {"[[{\"x\":{\"é\":1,\"\\u00e9\":1}}]]", "stands twice"},
    {"{\"\":1,\"\":2}", "stands twice"},
};

START_TEST(json__refuses_what_is_not_strictly_json)
{
    const struct json *doc = NULL;
    struct err err = ERR_INIT;
    ck_assert_msg(parse(bad[_i].text, &doc, &err) == E_INVALID, "%s", bad[_i].text);
    ck_assert_msg(strstr(err.text, bad[_i].complaint) != NULL, "%s: %s", bad[_i].text, err.text);
    ck_assert_ptr_null(doc);
}
END_TEST

static const struct
{
    const char *text;
    const char *printed;
} good[] = {
    {"null", "null"},
    {" \t\r\n true \n", "true"},
    {"false", "false"},
    {"0", "0"},
    {"-0", "-0"},
    {"-12", "-12"},
    {"1.5e3", "1.5e3"},
    {"0.1", "0.1"},
    {"1E-2", "1E-2"},
    {"1e-999", "1e-999"},
    {"9007199254740991", "9007199254740991"},
    {"1152921504606846977", "1152921504606846977"},
    {"-9223372036854775809", "-9223372036854775809"},
    {"0.123456789012345678901234567890", "0.123456789012345678901234567890"},
    {"1000000000000000000000000000000000000000000000000000000000000000000000000000000000001",
     "1000000000000000000000000000000000000000000000000000000000000000000000000000000000001"},
    {"1.7976931348623157e308", "1.7976931348623157e308"},
    {"{\"5\\\"6\":[\"7\",1.0,8,{\"a\":2.50}],\"b\":\"-9\",\"c\":12345678901234567890}",
     "{\"5\\\"6\":[\"7\",1.0,8,{\"a\":2.50}],\"b\":\"-9\",\"c\":12345678901234567890}"},
    {"\"\"", "\"\""},
    {"\"a\\/b\\u0041\\n\"", "\"a/bA\\n\""},
    {"\"\\ud83d\\ude00\"", "\"😀\""},
    {"\"é€😀\"", "\"é€😀\""},
    {"\"<b>&\"", "\"\\u003cb\\u003e\\u0026\""},
    {"[]", "[]"},
    {"{}", "{}"},
    {"[1,[2,{\"a\":[]}],null]", "[1,[2,{\"a\":[]}],null]"},
    {"{ \"A\" : 1 , \"a\" : 2 }", "{\"A\":1,\"a\":2}"},
    {"[{\"a\":1},{\"a\":2}]", "[{\"a\":1},{\"a\":2}]"},
};

START_TEST(json__reads_and_prints_what_is)
{
    const struct json *doc = parsed(good[_i].text);
    ck_assert_str_eq(json_print(arena, doc), good[_i].printed);
}
END_TEST

START_TEST(json__bounds_the_depth)
{
    char text[200] = "";
    const struct json *doc = NULL;
    struct err err = ERR_INIT;
    memset(text, '[', JSON_MAX_DEPTH);
    memset(text + JSON_MAX_DEPTH, ']', JSON_MAX_DEPTH);
    ck_assert_int_eq(parse(text, &doc, &err), E_OK);
    memset(text, '[', JSON_MAX_DEPTH + 1);
    memset(text + JSON_MAX_DEPTH + 1, ']', JSON_MAX_DEPTH + 1);
    ck_assert_int_eq(parse(text, &doc, &err), E_INVALID);
    ck_assert_ptr_nonnull(strstr(err.text, "too deeply"));
}
END_TEST

START_TEST(json__survives_a_million_brackets)
{
    size_t len = 1000000;
    char *text = malloc(len);
    const struct json *doc = NULL;
    struct err err = ERR_INIT;
    arena = arena_new(1 << 20);
    memset(text, '[', len);
    ck_assert_int_eq(json_parse(arena, text, len, &doc, &err), E_INVALID);
    for (size_t i = 0; i + 1 < len; i += 2)
        memcpy(text + i, i == 0 ? "[1" : ",1", 2);
    text[len - 1] = ']';
    ck_assert_int_eq(json_parse(arena, text, len, &doc, &err), E_INVALID);
    free(text);
}
END_TEST

START_TEST(json__finds_a_duplicate_among_many_keys)
{
    char text[40000] = "{";
    size_t len = 1;
    const struct json *doc = NULL;
    struct err err = ERR_INIT;
    for (int i = 0; i < 2000; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "\"key%d\":0,", i);
    snprintf(text + len, sizeof text - len, "\"last\":0}");
    ck_assert_int_eq(parse(text, &doc, &err), E_OK);
    ck_assert_uint_eq(json_count(doc), 2001);
    snprintf(text + len, sizeof text - len, "\"key7\":0}");
    ck_assert_int_eq(parse(text, &doc, &err), E_INVALID);
    ck_assert_ptr_nonnull(strstr(err.text, "\"key7\" stands twice"));
}
END_TEST

/* A text need not end with a NUL, and no cut of it may be read past its end. */
START_TEST(json__reads_no_byte_past_the_length)
{
    static const char text[] = "{\"a\":[1,-2.5e3,\"\\ud83d\\ude00é\",true,null]}";
    const struct json *doc = NULL;
    struct err err = ERR_INIT;
    arena = arena_new(1 << 20);
    for (size_t len = 0; len < sizeof text; len++)
    {
        char *exact = malloc(len == 0 ? 1 : len);
        memcpy(exact, text, len);
        enum err_code expected = len == sizeof text - 1 ? E_OK : E_INVALID;
        ck_assert_int_eq(json_parse(arena, exact, len, &doc, &err), expected);
        free(exact);
    }
}
END_TEST

START_TEST(json__walks_and_answers_defaults)
{
    const struct json *doc =
        parsed("{\"t\":\"x\",\"i\":7,\"f\":1.5,\"b\":true,\"n\":null,\"a\":[1,2],\"big\":9007199254740993}");
    ck_assert(json_is_object(doc) && !json_is_array(doc));
    ck_assert_str_eq(json_text(json_get(doc, "t"), "d"), "x");
    ck_assert_str_eq(json_text(json_get(doc, "i"), "d"), "d");
    ck_assert_str_eq(json_text(json_get(doc, "T"), "d"), "d");
    ck_assert_int_eq(json_int(json_get(doc, "i"), 1), 7);
    ck_assert_int_eq(json_int(json_get(doc, "f"), 1), 1);
    ck_assert_int_eq(json_int(json_get(doc, "big"), 1), 9007199254740993);
    ck_assert_int_eq(json_int(json_get(doc, "t"), 1), 1);
    ck_assert_double_eq(json_number(json_get(doc, "f"), 0), 1.5);
    ck_assert(json_bool(json_get(doc, "b"), false));
    ck_assert(json_bool(json_get(doc, "i"), true) && !json_bool(json_get(doc, "i"), false));
    ck_assert(json_is_null(json_get(doc, "n")) && json_is_null(json_get(doc, "none")));
    ck_assert_uint_eq(json_count(json_get(doc, "a")), 2);
    const struct json *two = json_next(json_first(json_get(doc, "a")));
    ck_assert_int_eq(json_int(two, 0), 2);
    ck_assert_ptr_null(json_next(two));
    ck_assert_str_eq(json_name(json_first(doc)), "t");
}
END_TEST

START_TEST(json__walks_nothing_as_nothing)
{
    ck_assert_ptr_null(json_get(NULL, "x"));
    ck_assert_ptr_null(json_first(NULL));
    ck_assert_ptr_null(json_next(NULL));
    ck_assert_ptr_null(json_name(NULL));
    ck_assert_uint_eq(json_count(NULL), 0);
    ck_assert(!json_is_object(NULL) && !json_is_array(NULL) && json_is_null(NULL));
    ck_assert_int_eq(json_int(NULL, 3), 3);
    ck_assert_str_eq(json_text(NULL, "d"), "d");
    ck_assert_ptr_null(json_get(parsed("[1]"), "x"));
    ck_assert_str_eq(json_print(arena, NULL), "null");
}
END_TEST

static const struct
{
    const char *text;
    const char *read; /* NULL: refused */
    size_t lost;
} foreign[] = {
    {"[{\"a\":1},{\"b\":[\"x\"]}]", "[{\"a\":1},{\"b\":[\"x\"]}]", 0},
    {"[\"a\\u0000b\",7]", "[\"\",7]", 1},
    {"[\"\\ud83d\",\"\\udc00\\ud800\",7]", "[\"\",\"\",7]", 2},
    {"[\"a\tb\",\"Am\xE9lie\",\"\\q\",\"\\\"\"]", "[\"\",\"\",\"\",\"\\\"\"]", 3},
    {"[1e400,-1e400,007,NaN,1.,-,7]", "[\"\",\"\",\"\",\"\",\"\",0,7]", 6},
    {"{\"a\":1e400,\"b\":7}", "{\"a\":\"\",\"b\":7}", 1},
    {"{\"a\":1,\"b\":2,\"\\u0061\":3,\"a\":4}", "{\"a\":1,\"b\":2}", 2},
    {"[{\"a\":{\"c\":1,\"c\":2}},7]", "[{\"a\":{\"c\":1}},7]", 1},
    {"{\"a\\u0000\":1,\"b\":2}", "{\"\":1,\"b\":2}", 1},
    {"\xEF\xBB\xBF\r\n[7]", "[7]", 0},
    {"\xEF\xBB\xBF", NULL, 0},
    {"[\"x\" \"y\"]", NULL, 0},
    {"[\"x\",\"\\u0000", NULL, 0},
    {"[{\"a\":", NULL, 0},
    {"[1,,2]", NULL, 0},
    {"1e400", NULL, 0},
    {"\"\\u0000\"", NULL, 0},
    {"<html>", NULL, 0},
    {"", NULL, 0},
};

START_TEST(json__of_others_loses_a_value_and_not_the_rest)
{
    const struct json *doc = NULL;
    struct err err = ERR_INIT;
    size_t lost = 99;
    arena = arena_new(1 << 20);
    const char *text = foreign[_i].text;
    enum err_code code = json_parse_foreign(arena, text, strlen(text), &doc, &lost, &err);
    ck_assert_msg(code == (foreign[_i].read != NULL ? E_OK : E_INVALID), "row %d: %s", _i, err.text);
    if (code != E_OK)
        return;
    ck_assert_str_eq(json_print(arena, doc), foreign[_i].read);
    ck_assert_uint_eq(lost, foreign[_i].lost);
}
END_TEST

START_TEST(json__of_others_loses_what_is_too_deep)
{
    char text[4096] = "[7,";
    const struct json *doc = NULL;
    struct err err = ERR_INIT;
    size_t lost = 0;
    arena = arena_new(1 << 20);
    memset(text + 3, '[', 1000);
    strcpy(text + 1003, "\"]\\\"\"");
    memset(text + 1008, ']', 1000);
    strcpy(text + 2008, ",{\"a\":8}]");
    ck_assert_msg(json_parse_foreign(arena, text, strlen(text), &doc, &lost, &err) == E_OK, "%s", err.text);
    ck_assert_uint_eq(lost, 1);
    ck_assert_uint_eq(json_count(doc), 3);
    ck_assert_int_eq(json_int(json_get(json_next(json_next(json_first(doc))), "a"), 0), 8);
}
END_TEST

START_TEST(json__of_others_loses_twins_without_end_and_soon)
{
    enum
    {
        COUNT = 100000
    };
    char *text = malloc(6 * COUNT + 8);
    size_t len = 1;
    const struct json *doc = NULL;
    struct err err = ERR_INIT;
    size_t lost = 0;
    arena = arena_new(64 << 20);
    text[0] = '{';
    for (int i = 0; i < COUNT; i++, len += 6)
        memcpy(text + len, i == 0 ? "\"a\":7," : i % 2 == 0 ? "\"a\":0," : "\"b\":8,", 6);
    text[len - 1] = '}';
    ck_assert_int_eq(json_parse(arena, text, len, &doc, &err), E_INVALID);
    ck_assert_int_eq(json_parse_foreign(arena, text, len, &doc, &lost, &err), E_OK);
    ck_assert_str_eq(json_print(arena, doc), "{\"a\":7,\"b\":8}");
    ck_assert_uint_eq(lost, COUNT - 2);
    free(text);
}
END_TEST

int main(void)
{
    struct suite_case cases[] = {
        {json__refuses_what_is_not_strictly_json, sizeof bad / sizeof bad[0]},
        {json__reads_and_prints_what_is, sizeof good / sizeof good[0]},
        {json__bounds_the_depth, 1},
        {json__survives_a_million_brackets, 1},
        {json__finds_a_duplicate_among_many_keys, 1},
        {json__reads_no_byte_past_the_length, 1},
        {json__walks_and_answers_defaults, 1},
        {json__walks_nothing_as_nothing, 1},
        {json__of_others_loses_a_value_and_not_the_rest, sizeof foreign / sizeof foreign[0]},
        {json__of_others_loses_what_is_too_deep, 1},
        {json__of_others_loses_twins_without_end_and_soon, 1},
    };
    return suite_run("json", cases, sizeof cases / sizeof cases[0]);
}
