/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json/write.h"

#include "tests/support/suite.h"

#include <math.h>
#include <string.h>

static struct buf buf;

static struct json_writer begin(size_t max_bytes)
{
    buf_init(&buf, max_bytes);
    return json_writer(&buf);
}

START_TEST(write__puts_commas_and_keys_where_they_belong)
{
    struct json_writer w = begin(1000);
    json_begin_object(&w, NULL);
    json_put_text(&w, "text", "x");
    json_put_int(&w, "int", INT64_MIN);
    json_begin_array(&w, "list");
    json_put_bool(&w, NULL, true);
    json_put_null(&w, NULL);
    json_begin_object(&w, NULL);
    json_end_object(&w);
    json_begin_array(&w, NULL);
    json_end_array(&w);
    json_end_array(&w);
    json_put_time(&w, "at", 0);
    json_put_raw(&w, "raw", "{\"a\":1}");
    json_put_raw(&w, "empty", "");
    json_put_text(&w, "none", NULL);
    json_end_object(&w);
    ck_assert_str_eq(buf.data,
                     "{\"text\":\"x\",\"int\":-9223372036854775808,\"list\":[true,null,{},[]],"
                     "\"at\":\"1970-01-01T00:00:00.000Z\",\"raw\":{\"a\":1},\"empty\":null,\"none\":null}");
    buf_fini(&buf);
}
END_TEST

/* req: S48 -- markup leaves the JSON writer harmless */
START_TEST(write__escapes_markup_controls_and_broken_bytes)
{
    struct json_writer w = begin(1000);
    json_put_text_n(&w, NULL, "<script>&\"\\\n\x01\0\xff\xed\xa0\x80é", 20);
    ck_assert_str_eq(buf.data, "\"\\u003cscript\\u003e\\u0026\\\"\\\\\\n\\u0001\xef\xbf\xbd\xef\xbf\xbd"
                               "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdé\"");
    buf_fini(&buf);
}
END_TEST

static const struct
{
    double value;
    const char *text;
} numbers[] = {
    {0, "0"},
    {0.1, "0.1"},
    {1.0 / 3, "0.3333333333333333"},
    {1e21, "1e+21"},
    {100, "100"},
    {-2.5, "-2.5"},
    {(double)NAN, "null"},
    {(double)INFINITY, "null"},
    {-(double)INFINITY, "null"},
    {5e-324, "4.94065645841247e-324"},
};

/* req: S48 S159 */
START_TEST(write__escapes_markup_in_json_that_is_ready)
{
    struct json_writer w = begin(1000);
    json_put_raw(&w, NULL, "{\"a\":\"<b>&\",\"c\":\"\\u003c\"}");
    ck_assert_str_eq(buf.data, "{\"a\":\"\\u003cb\\u003e\\u0026\",\"c\":\"\\u003c\"}");
    buf_fini(&buf);
}
END_TEST

START_TEST(write__prints_the_shortest_number_that_reads_back)
{
    struct json_writer w = begin(100);
    json_put_number(&w, NULL, numbers[_i].value);
    ck_assert_str_eq(buf.data, numbers[_i].text);
    buf_fini(&buf);
}
END_TEST

START_TEST(write__does_nothing_more_once_the_buffer_is_full)
{
    struct json_writer w = begin(20);
    json_begin_array(&w, NULL);
    for (int i = 0; i < 100; i++)
        json_put_text(&w, NULL, "abcdef");
    json_end_array(&w);
    ck_assert(buf.failed);
    ck_assert_uint_le(buf.len, 20);
    buf_fini(&buf);
}
END_TEST

START_TEST(write__copies_a_parsed_value)
{
    static const char text[] = "{\"a\":[1,2.5,\"x\",null,true],\"b\":{\"c\":{}}}";
    struct arena *arena = arena_new(1 << 20);
    const struct json *doc = NULL;
    struct err err = ERR_INIT;
    ck_assert_int_eq(json_parse(arena, text, sizeof text - 1, &doc, &err), E_OK);
    struct json_writer w = begin(1000);
    json_begin_array(&w, NULL);
    json_put_value(&w, NULL, doc);
    json_put_value(&w, NULL, json_get(doc, "b"));
    json_end_array(&w);
    ck_assert_str_eq(buf.data, "[{\"a\":[1,2.5,\"x\",null,true],\"b\":{\"c\":{}}},{\"c\":{}}]");
    buf_fini(&buf);
    arena_free(arena);
}
END_TEST

int main(void)
{
    struct suite_case cases[] = {
        {write__puts_commas_and_keys_where_they_belong, 1},
        {write__escapes_markup_controls_and_broken_bytes, 1},
        {write__escapes_markup_in_json_that_is_ready, 1},
        {write__prints_the_shortest_number_that_reads_back, sizeof numbers / sizeof numbers[0]},
        {write__does_nothing_more_once_the_buffer_is_full, 1},
        {write__copies_a_parsed_value, 1},
    };
    return suite_run("write", cases, sizeof cases / sizeof cases[0]);
}
