/* SPDX-License-Identifier: Apache-2.0 */
#include "common/job/cron.h"

#include "common/base/clock.h"
#include "tests/support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct
{
    const char *text;
    const char *after;
    const char *next; /* NULL: never */
} rows[] = {
    {"* * * * *", "2026-11-21T10:00:00.000Z", "2026-11-21T10:01:00.000Z"},
    {"* * * * *", "2026-11-21T10:00:59.999Z", "2026-11-21T10:01:00.000Z"},
    {"*/15 * * * *", "2026-11-21T10:46:00.000Z", "2026-11-21T11:00:00.000Z"},
    {"5/20 * * * *", "2026-11-21T10:06:00.000Z", "2026-11-21T10:25:00.000Z"},
    {"0 3 * * *", "2026-11-21T03:00:00.000Z", "2026-11-22T03:00:00.000Z"},
    {"30 4 1,15 * *", "2026-11-21T00:00:00.000Z", "2026-12-01T04:30:00.000Z"},
    {"0 0 * * mon-fri", "2026-11-21T00:00:00.000Z", "2026-11-23T00:00:00.000Z"},
    {"0 0 * * 7", "2026-11-21T00:00:00.000Z", "2026-11-22T00:00:00.000Z"},
    {"0 0 13 * fri", "2026-11-21T00:00:00.000Z", "2026-11-27T00:00:00.000Z"}, /* either day */
    {"0 0 29 2 *", "2026-11-21T00:00:00.000Z", "2028-02-29T00:00:00.000Z"},
    {"0 0 31 4 *", "2026-11-21T00:00:00.000Z", NULL},
    {"59 23 31 dec *", "2026-11-21T00:00:00.000Z", "2026-12-31T23:59:00.000Z"},
    {"@hourly", "2026-11-21T10:00:00.000Z", "2026-11-21T11:00:00.000Z"},
    {"@yearly", "2026-11-21T10:00:00.000Z", "2027-01-01T00:00:00.000Z"},
    {"0 0 1 1 *", "1969-06-01T00:00:30.000Z", "1970-01-01T00:00:00.000Z"},
};

START_TEST(cron__finds_the_next_minute_that_matches)
{
    struct cron cron;
    struct err err = ERR_INIT;
    int64_t after = 0;
    char text[CLOCK_TEXT_SIZE] = "";
    ck_assert_int_eq(cron_parse(rows[_i].text, &cron, &err), E_OK);
    ck_assert(clock_parse(rows[_i].after, &after));
    int64_t next = cron_next(&cron, after);
    if (next != CRON_NEVER)
        clock_format(next, text);
    ck_assert_str_eq(text, rows[_i].next != NULL ? rows[_i].next : "");
}
END_TEST

static const char *const wrong[] = {
    "",           "*",           "* * * *",    "* * * * * *",
    "60 * * * *", "* 24 * * *",  "* * 0 * *",  "* * 32 * *",
    "* * * 13 *", "* * * * 8",   "? * * * *",  "* * * ? *",
    "*\n* * * *", "*/0 * * * *", "a * * * *",  "1,,2 * * * *",
    "1- * * * *", "* * * foo *", "-1 * * * *", "99999999999 * * * *",
    "@never",
};

START_TEST(cron__refuses_what_is_none_and_names_the_field)
{
    struct cron cron;
    struct err err = ERR_INIT;
    ck_assert_int_eq(cron_parse(wrong[_i], &cron, &err), E_INVALID);
    ck_assert_ptr_nonnull(strstr(err.text, "five fields"));
}
END_TEST

/* Which values of a field match, in their order: minute, hour, day, month, weekday. */
static const struct
{
    const char *text;
    int field;
    const char *values;
} sets[] = {
    {"0 0 * * mon/2", 4, "1 3 5"},
    {"0 0 * * 1/2", 4, "1 3 5"},
    {"0 0 * * */2", 4, "0 2 4 6"},
    {"0 0 * * 5-7", 4, "0 5 6"},
    {"0 0 * * fri-sun", 4, "0 5 6"},
    {"0 0 * * sat-mon", 4, "0 1 6"},
    {"0 0 * * 7-2", 4, "0 1 2"},
    {"0 0 * * 6-3/2", 4, "1 3 6"},
    {"0 22-2 * * *", 1, "0 1 2 22 23"},
    {"0 22-2/2 * * *", 1, "0 2 22"},
    {"0 20/2 * * *", 1, "20 22"},
    {"50-5/5 * * * *", 0, "0 5 50 55"},
    {"0 0 1 nov-feb *", 3, "1 2 11 12"},
    {"0 0 30-2 * *", 2, "1 2 30 31"},
    {"0 0 ? * mon", 4, "1"},
    {"0 0 1 * ?", 2, "1"},
    {"0\t0\t1,2 \t*\t*\t", 2, "1 2"},
};

START_TEST(cron__knows_the_values_of_a_field)
{
    struct cron cron;
    struct err err = ERR_INIT;
    char text[256] = "";
    size_t len = 0;
    ck_assert_int_eq(cron_parse(sets[_i].text, &cron, &err), E_OK);
    for (int value = 0; value < 60; value++)
        if (cron.bits[sets[_i].field] >> value & 1)
            len += (size_t)snprintf(text + len, sizeof text - len, "%s%d", len > 0 ? " " : "", value);
    ck_assert_str_eq(text, sets[_i].values);
}
END_TEST

static const char *const pairs[][2] = {
    {"@midnight", "0 0 * * *"},     {"@daily", "0 0 * * *"},        {"@annually", "0 0 1 1 *"},
    {"0 0 ? * mon", "0 0 * * mon"}, {"0 0 1 * ?", "0 0 1 * *"},     {"0\t0\t*\t*\t*", "0 0 * * *"},
    {"0 0 * * 0", "0 0 * * 7"},     {"0 0 ?/2 * 1", "0 0 */2 * 1"},
};

START_TEST(cron__says_the_same_in_other_words)
{
    struct cron one;
    struct cron other;
    struct err err = ERR_INIT;
    ck_assert_int_eq(cron_parse(pairs[_i][0], &one, &err), E_OK);
    ck_assert_int_eq(cron_parse(pairs[_i][1], &other, &err), E_OK);
    ck_assert_int_eq(one.any_day, other.any_day);
    ck_assert_int_eq(one.any_weekday, other.any_weekday);
    int64_t at = 1771169317123;
    for (int i = 0; i < 20; i++)
    {
        ck_assert_int_eq(cron_next(&one, at), cron_next(&other, at));
        at = cron_next(&one, at);
    }
}
END_TEST

/* A slow oracle: walk minute by minute. */
START_TEST(cron__agrees_with_walking_minute_by_minute)
{
    struct cron cron;
    struct err err = ERR_INIT;
    ck_assert_int_eq(cron_parse("7,37 */5 * * 1-3", &cron, &err), E_OK);
    int64_t at = 1771169317123;
    for (int i = 0; i < 50; i++)
    {
        int64_t next = cron_next(&cron, at);
        ck_assert_int_gt(next, at);
        ck_assert_int_eq(next % 60000, 0);
        ck_assert_int_eq(cron_next(&cron, next - 1), next); /* nothing lies between */
        ck_assert_int_eq(cron_next(&cron, next - 60000), next);
        at = next;
    }
}
END_TEST

int main(void)
{
    const struct suite_case cases[] = {
        {cron__finds_the_next_minute_that_matches, sizeof rows / sizeof rows[0]},
        {cron__refuses_what_is_none_and_names_the_field, sizeof wrong / sizeof wrong[0]},
        {cron__knows_the_values_of_a_field, sizeof sets / sizeof sets[0]},
        {cron__says_the_same_in_other_words, sizeof pairs / sizeof pairs[0]},
        {cron__agrees_with_walking_minute_by_minute, 1},
    };
    return suite_run("cron", cases, sizeof cases / sizeof cases[0]);
}
