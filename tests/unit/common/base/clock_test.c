/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/clock.h"
#include "tests/support/suite.h"

#include <string.h>

/* req: S36 */
static const struct
{
    const char *text;
    int64_t wall_ms;
    const char *back; /* how it is written again */
} good[] = {
    {"2026-02-15T15:28:37Z", INT64_C(1771169317000), "2026-02-15T15:28:37.000Z"},
    {"2026-02-15T15:28:37.123Z", INT64_C(1771169317123), "2026-02-15T15:28:37.123Z"},
    {"2026-02-15T15:28:37.1Z", INT64_C(1771169317100), "2026-02-15T15:28:37.100Z"},
    {"2026-02-15T15:28:37.123456789Z", INT64_C(1771169317123), "2026-02-15T15:28:37.123Z"},
    {"2026-02-15T17:28:37+02:00", INT64_C(1771169317000), "2026-02-15T15:28:37.000Z"},
    {"2026-02-15T10:58:37-04:30", INT64_C(1771169317000), "2026-02-15T15:28:37.000Z"},
    {"1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00.000Z"},
    {"1969-12-31T23:59:59.999Z", -1, "1969-12-31T23:59:59.999Z"},
    {"1900-03-01T00:00:00Z", INT64_C(-2203891200000), "1900-03-01T00:00:00.000Z"},
    {"2000-02-29T12:00:00Z", INT64_C(951825600000), "2000-02-29T12:00:00.000Z"},
    {"2024-02-29T23:59:59Z", INT64_C(1709251199000), "2024-02-29T23:59:59.000Z"},
    {"2024-02-29t23:59:59z", INT64_C(1709251199000), "2024-02-29T23:59:59.000Z"},
    {"2016-12-31T23:59:60Z", INT64_C(1483228800000), "2017-01-01T00:00:00.000Z"},
    {"2016-12-31T23:59:60.250+00:00", INT64_C(1483228800250), "2017-01-01T00:00:00.250Z"},
    {"2038-01-19T03:14:08Z", INT64_C(2147483648000), "2038-01-19T03:14:08.000Z"},
    {"0000-01-01T00:00:00Z", INT64_C(-62167219200000), "0000-01-01T00:00:00.000Z"},
    {"9999-12-31T23:59:59.999Z", INT64_C(253402300799999), "9999-12-31T23:59:59.999Z"},
};

static const char *const bad[] = {
    "",
    "2026",
    "2026-02-15",
    "2026-02-15 15:28:37Z",
    "2026-02-15T15:28:37",
    "2026-02-15T15:28Z",
    "2026-02-15T15:28:37.Z",
    "2026-02-15T15:28:37.1234567890Z",
    "2026-02-15T15:28:37ZZ",
    "2026-02-15T15:28:37+2:00",
    "2026-02-15T15:28:37+24:00",
    "2026-02-15T15:28:37+02:60",
    "2026-13-01T00:00:00Z",
    "2026-00-01T00:00:00Z",
    "2026-01-32T00:00:00Z",
    "2026-01-00T00:00:00Z",
    "2026-04-31T00:00:00Z",
    "2023-02-29T00:00:00Z",
    "1900-02-29T00:00:00Z",
    "2026-01-01T24:00:00Z",
    "2026-01-01T00:60:00Z",
    "2026-01-01T00:00:60Z",
    "2026-01-01T23:59:61Z",
    "2026-01-01T15:59:60Z",
    "2026-01-01 00:00:00Z",
    "-026-01-01T00:00:00Z",
    "12026-01-01T00:00:00Z",
    " 2026-01-01T00:00:00Z",
    "2026-1-1T00:00:00Z",
    "now",
};

START_TEST(clock__reads_and_writes_times)
{
    int64_t wall_ms = 0;
    char text[CLOCK_TEXT_SIZE];
    ck_assert(clock_parse(good[_i].text, &wall_ms));
    ck_assert_int_eq(wall_ms, good[_i].wall_ms);
    clock_format(wall_ms, text);
    ck_assert_str_eq(text, good[_i].back);
}
END_TEST

START_TEST(clock__refuses_what_is_no_time)
{
    int64_t wall_ms = 42;
    ck_assert_msg(!clock_parse(bad[_i], &wall_ms), "%s", bad[_i]);
    ck_assert_int_eq(wall_ms, 42);
}
END_TEST

/* A prime step from year 0 to year 9999 meets every kind of day. */
START_TEST(clock__comes_back_from_each_text_it_writes)
{
    char before[CLOCK_TEXT_SIZE] = "";
    for (int64_t at = INT64_C(-62167219200000); at <= INT64_C(253402300799999); at += INT64_C(1299709 * 1009))
    {
        int64_t back = 0;
        char text[CLOCK_TEXT_SIZE];
        clock_format(at, text);
        ck_assert_msg(clock_parse(text, &back) && back == at, "%s", text);
        ck_assert_int_gt(strcmp(text, before), 0);
        memcpy(before, text, sizeof before);
    }
}
END_TEST

START_TEST(clock__writes_nothing_past_four_digit_years)
{
    char text[CLOCK_TEXT_SIZE];
    clock_format(INT64_C(253402300800000), text);
    ck_assert_str_eq(text, "");
    clock_format(INT64_C(-62167219200001), text);
    ck_assert_str_eq(text, "");
    clock_format(INT64_MAX, text);
    ck_assert_str_eq(text, "");
    clock_format(INT64_MIN, text);
    ck_assert_str_eq(text, "");
}
END_TEST

START_TEST(clock__never_runs_backwards)
{
    int64_t before = clock_mono_ns();
    for (int i = 0; i < 1000; i++)
    {
        int64_t now = clock_mono_ns();
        ck_assert_int_ge(now, before);
        before = now;
    }
    struct timespec later = clock_mono_after_ms(1500);
    int64_t ms = (int64_t)later.tv_sec * 1000 + later.tv_nsec / 1000000 - clock_mono_ms();
    ck_assert_int_ge(ms, 500);
    ck_assert_int_le(ms, 1500);
    ck_assert_int_gt(clock_wall_ms(), INT64_C(1700000000000));
}
END_TEST

int main(void)
{
    struct suite_case cases[] = {
        {clock__reads_and_writes_times, sizeof good / sizeof good[0]},
        {clock__refuses_what_is_no_time, sizeof bad / sizeof bad[0]},
        {clock__comes_back_from_each_text_it_writes, 1},
        {clock__writes_nothing_past_four_digit_years, 1},
        {clock__never_runs_backwards, 1},
    };
    return suite_run("clock", cases, sizeof cases / sizeof cases[0]);
}
