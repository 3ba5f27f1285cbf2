/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/parse.h"
#include "tests/support/suite.h"

/* req: S27 -- page and limit are read by these */
static const struct
{
    const char *text;
    bool fits_i64;
    bool fits_u32;
    int64_t value;
} rows[] = {
    {"0", true, true, 0},
    {"1", true, true, 1},
    {"100", true, true, 100},
    {"007", true, true, 7},
    {"4294967295", true, true, 4294967295},
    {"4294967296", true, false, 4294967296},
    {"-1", true, false, -1},
    {"-0", true, false, 0},
    {"9223372036854775807", true, false, INT64_MAX},
    {"-9223372036854775808", true, false, INT64_MIN},
    {"9223372036854775808", false, false, 0},
    {"-9223372036854775809", false, false, 0},
    {"99999999999999999999999999", false, false, 0},
    {"", false, false, 0},
    {"-", false, false, 0},
    {"--1", false, false, 0},
    {"+1", false, false, 0},
    {" 1", false, false, 0},
    {"1 ", false, false, 0},
    {"1.0", false, false, 0},
    {"1e3", false, false, 0},
    {"0x10", false, false, 0},
    {"abc", false, false, 0},
    {"1a", false, false, 0},
};

START_TEST(parse__reads_whole_numbers_strictly)
{
    int64_t wide = 12345;
    uint32_t narrow = 12345;
    ck_assert_int_eq(parse_i64(rows[_i].text, &wide), rows[_i].fits_i64);
    ck_assert_int_eq(wide, rows[_i].fits_i64 ? rows[_i].value : 12345);
    ck_assert_int_eq(parse_u32(rows[_i].text, &narrow), rows[_i].fits_u32);
    ck_assert_int_eq(narrow, rows[_i].fits_u32 ? rows[_i].value : 12345);
}
END_TEST

static const struct
{
    const char *text;
    int value; /* -1: refused */
} words[] = {
    {"true", 1}, {"1", 1}, {"yes", 1}, {"false", 0},  {"0", 0},
    {"no", 0},   {"", -1}, {"2", -1},  {"True ", -1}, {"on", -1},
};

START_TEST(parse__reads_yes_and_no)
{
    bool value = _i % 2 == 0;
    bool before = value;
    ck_assert_int_eq(parse_bool(words[_i].text, &value), words[_i].value >= 0);
    ck_assert_int_eq(value, words[_i].value >= 0 ? words[_i].value : before);
}
END_TEST

int main(void)
{
    struct suite_case cases[] = {
        {parse__reads_whole_numbers_strictly, sizeof rows / sizeof rows[0]},
        {parse__reads_yes_and_no, sizeof words / sizeof words[0]},
    };
    return suite_run("parse", cases, sizeof cases / sizeof cases[0]);
}
