/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/utf8.h"
#include "tests/support/suite.h"

#include <stdio.h>
#include <string.h>

static const struct
{
    const char *bytes;
    size_t step; /* of the first character */
} rows[] = {
    {"a", 1},
    {"\x7f", 1},
    {"\xc3\xa9", 2},
    {"\xe2\x82\xac", 3},
    {"\xed\x9f\xbf", 3},
    {"\xee\x80\x80", 3},
    {"\xf0\x9f\x98\x80", 4},
    {"\xf4\x8f\xbf\xbf", 4},
    {"", 0},
    {"\x80", 0},             /* a lone continuation */
    {"\xc0\x80", 0},         /* over-long NUL */
    {"\xc1\xbf", 0},         /* over-long */
    {"\xe0\x80\xaf", 0},     /* over-long slash */
    {"\xf0\x80\x80\xaf", 0}, /* over-long slash */
    {"\xed\xa0\x80", 0},     /* a surrogate */
    {"\xf4\x90\x80\x80", 0}, /* past U+10FFFF */
    {"\xf5\x80\x80\x80", 0},
    {"\xff", 0},
    {"\xc3", 0},
    {"\xe2\x82", 0},
    {"\xf0\x9f\x98", 0},
    {"\xc3(", 0},
    {"\xe2(\xa1", 0},
    {"\xe2\x82(", 0},
};

START_TEST(utf8__knows_a_character)
{
    ck_assert_uint_eq(utf8_step(rows[_i].bytes, strlen(rows[_i].bytes)), rows[_i].step);
    ck_assert(utf8_valid(rows[_i].bytes, strlen(rows[_i].bytes)) == (rows[_i].step > 0 || _i == 8));
}
END_TEST

START_TEST(utf8__finds_control_characters_of_every_length)
{
    static const char *const with[] = {"\n", "a\x01", "\x7f", "a\xc2\x80z", "\xc2\x9f", "\xe2\x82\xac\x1f"};
    static const char *const without[] = {
        "", " ~", "\xc2\xa0", "\xc3\x80\xc3\x9f", "\xe2\x82\xac", "\xe0\xa2\x80"};
    for (size_t i = 0; i < sizeof with / sizeof with[0]; i++)
        ck_assert(utf8_has_controls(with[i]) && !utf8_has_controls(without[i]));
}
END_TEST

START_TEST(utf8__counts_characters)
{
    ck_assert_uint_eq(utf8_count(""), 0);
    ck_assert_uint_eq(utf8_count("aé€😀"), 4);
    ck_assert_uint_eq(utf8_count("a\xff"
                                 "b"),
                      3);
}
END_TEST

START_TEST(utf8__cuts_between_characters)
{
    const char *text = "aé€😀";
    static const size_t cuts[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10};
    for (size_t len = 0; len <= 10; len++)
        ck_assert_uint_eq(utf8_cut(text, len), cuts[len]);
}
END_TEST

static const struct
{
    const char *text;
    const char *mended;
} wounds[] = {
    {"", ""},
    {"plain é€😀", "plain é€😀"},
    {"caf\xe9 ol\xe9", "caf? ol"}, /* Latin-1: the last byte may begin a character */
    {"a\tb\nc\x7f", "a b c "},
    {"cut \xc3", "cut "},
    {"cut \xe2\x82", "cut "},
    {"cut \xf0\x9f\x98", "cut "},
    {"\xff\xfe\x80.", "???."},
    {"\xed\xa0\x80.", "???."},
};

START_TEST(utf8__mends_what_strangers_wrote)
{
    char text[64];
    snprintf(text, sizeof text, "%s", wounds[_i].text);
    utf8_mend(text);
    ck_assert_str_eq(text, wounds[_i].mended);
    ck_assert(utf8_valid(text, strlen(text)));
}
END_TEST

static const struct
{
    const char *text;
    size_t len;
    const char *json;
} escapes[] = {
    {"a", 1, "a"},          {"\"", 1, "\\\""},         {"\\", 1, "\\\\"},           {"\n", 1, "\\n"},
    {"\x01", 1, "\\u0001"}, {"\x1f", 1, "\\u001f"},    {"<", 1, "\\u003c"},         {">", 1, "\\u003e"},
    {"&", 1, "\\u0026"},    {"\0", 1, "\xef\xbf\xbd"}, {"\xff", 1, "\xef\xbf\xbd"}, {"é", 2, "é"},
    {"\t", 1, "\\t"},       {"\x7f", 1, "\x7f"},
};

START_TEST(utf8__spells_a_character_for_json)
{
    char out[UTF8_JSON_MAX];
    size_t len = 0;
    ck_assert_uint_eq(utf8_json_step(escapes[_i].text, escapes[_i].len, out, &len), escapes[_i].len);
    ck_assert_uint_eq(len, strlen(escapes[_i].json));
    ck_assert_mem_eq(out, escapes[_i].json, len);
}
END_TEST

static const struct
{
    const char *text;
    const char *shown;
} shows[] = {
    {"a", "a"},
    {"\n", "\n"},
    {"\t", "\t"},
    {"\x1b", "\\u001b"},
    {"\x7f", "\\u007f"},
    {"\xc2\x9b", "\\u009b"},
    {"\xe2\x80\xae", "\\u202e"},
    {"\xef\xbb\xbf", "\\ufeff"},
    {"\xf3\xa0\x81\x81", "\\udb40\\udc41"},
    {"\xff", "\xef\xbf\xbd"},
    {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
    {"\xd7\x90", "\xd7\x90"}, /* a letter that is written from right to left */
};

START_TEST(utf8__shows_what_is_not_seen)
{
    char out[UTF8_SHOW_MAX];
    size_t len = 0;
    const size_t size = strlen(shows[_i].text);
    ck_assert_uint_eq(utf8_show_step(shows[_i].text, size, out, &len), size);
    ck_assert_uint_eq(len, strlen(shows[_i].shown));
    ck_assert_mem_eq(out, shows[_i].shown, len);
}
END_TEST

int main(void)
{
    struct suite_case cases[] = {
        {utf8__knows_a_character, sizeof rows / sizeof rows[0]},
        {utf8__finds_control_characters_of_every_length, 1},
        {utf8__counts_characters, 1},
        {utf8__cuts_between_characters, 1},
        {utf8__mends_what_strangers_wrote, sizeof wounds / sizeof wounds[0]},
        {utf8__spells_a_character_for_json, sizeof escapes / sizeof escapes[0]},
        {utf8__shows_what_is_not_seen, sizeof shows / sizeof shows[0]},
    };
    return suite_run("utf8", cases, sizeof cases / sizeof cases[0]);
}
