/* SPDX-License-Identifier: Apache-2.0 */
#include "common/obs/spans.h"

#include "common/obs/metrics.h"
#include "tests/support/suite.h"

#include <stdlib.h>
#include <string.h>

static struct err err = ERR_INIT;

static void note(int64_t number)
{
    struct span span;
    span_init(&span, SPAN_SERVER, "req-1", number);
    spans_note(&span);
}

START_TEST(spans__are_wanted_only_while_somebody_sends_them)
{
    ck_assert(!spans_wanted());
    ck_assert_int_eq(spans_open(&err), E_OK);
    ck_assert(spans_wanted());
    spans_close();
    ck_assert(!spans_wanted());
    spans_close();
}
END_TEST

START_TEST(spans__past_the_most_are_dropped_and_counted)
{
    struct span *out = calloc(SPANS_MAX, sizeof *out);
    ck_assert_int_eq(spans_open(&err), E_OK);
    for (int turn = 0; turn < 3; turn++)
    {
        uint64_t before = metrics_value(METRIC_SPANS_DROPPED);
        for (int i = 0; i < SPANS_MAX + 7; i++)
            note(i + 1);
        ck_assert_uint_eq(metrics_value(METRIC_SPANS_DROPPED) - before, 7);
        ck_assert_uint_eq(spans_take(out, 100, 0), 100);
        ck_assert_int_eq(out[99].took_us, 100);
        ck_assert_uint_eq(spans_take(out, SPANS_MAX, 0), SPANS_MAX - 100);
        ck_assert_int_eq(out[0].took_us, 101);
    }
    ck_assert_uint_eq(spans_take(out, SPANS_MAX, 10), 0);
    spans_close();
    free(out);
}
END_TEST

START_TEST(span__cuts_what_is_too_long_and_leaves_out_what_says_nothing)
{
    struct span span;
    char longer[SPAN_TEXT * 2];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    span_init(&span, SPAN_CLIENT, longer, -5);
    ck_assert_int_eq(span.took_us, 0);
    ck_assert_uint_eq(strlen(span.request_id), SPAN_TEXT - 1);
    span_text(&span, "none", NULL);
    span_text(&span, "empty", "");
    span_name(&span, "%s", longer);
    ck_assert_uint_eq(strlen(span.name), SPAN_TEXT - 1);
    for (int i = 0; i < SPAN_ATTRIBUTES + 2; i++)
        span_int(&span, "number", i);
    ck_assert_str_eq(span.attributes[0].name, "sokoul.request_id");
    ck_assert_str_eq(span.attributes[SPAN_ATTRIBUTES - 1].text, "3");
}
END_TEST

int main(void)
{
    struct suite_case cases[] = {
        {spans__are_wanted_only_while_somebody_sends_them, 1},
        {spans__past_the_most_are_dropped_and_counted, 1},
        {span__cuts_what_is_too_long_and_leaves_out_what_says_nothing, 1},
    };
    return suite_run("spans", cases, sizeof cases / sizeof cases[0]);
}
