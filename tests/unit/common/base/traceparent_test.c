/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/traceparent.h"

#include "tests/support/suite.h"

#include <string.h>

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN "00f067aa0ba902b7"

static const struct
{
    const char *header;
    bool good;
} rows[] = {
    {"00-" TRACE "-" SPAN "-01", true},
    {"00-" TRACE "-" SPAN "-00", true}, /* not sampled is a trace, too */
    {"cc-" TRACE "-" SPAN "-01", true},
    {"cc-" TRACE "-" SPAN "-01-what-comes", true},
    {"cc-" TRACE "-" SPAN "-01.what-comes", false},
    {"00-" TRACE "-" SPAN "-01-more", false},
    {"ff-" TRACE "-" SPAN "-01", false},
    {"00-" TRACE "-" SPAN "-0", false},
    {"00-" TRACE "-" SPAN "-0x", false},
    {"00-" TRACE "-" SPAN, false},
    {"0-" TRACE "-" SPAN "-01-", false},
    {"00_" TRACE "-" SPAN "-01", false},
    {"00-4BF92F3577B34DA6A3CE929D0E0E4736-" SPAN "-01", false},
    {"00-00000000000000000000000000000000-" SPAN "-01", false},
    {"00-" TRACE "-0000000000000000-01", false},
    {"00-" TRACE "-00F067AA0BA902B7-01", false},
    {"", false},
    {NULL, false},
};

START_TEST(traceparent__is_taken_if_the_standard_says_so)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    {
        char trace[TRACE_ID_SIZE] = "unchanged";
        char span[TRACE_SPAN_SIZE] = "unchanged";
        ck_assert_msg(traceparent_read(rows[i].header, trace, span) == rows[i].good, "row %zu", i);
        ck_assert_str_eq(trace, rows[i].good ? TRACE : "unchanged");
        ck_assert_str_eq(span, rows[i].good ? SPAN : "unchanged");
    }
}
END_TEST

START_TEST(trace__is_the_request_and_always_the_same)
{
    char one[TRACE_ID_SIZE];
    char other[TRACE_ID_SIZE];
    trace_of_request(TRACE, one);
    ck_assert_str_eq(one, TRACE);
    trace_of_request("0190A2B3-c4d5-7e6f-8a9b-0c1d2e3f4a5b", one);
    ck_assert_str_eq(one, "0190a2b3c4d57e6f8a9b0c1d2e3f4a5b");
    static const char *const words[] = {"req-12345", "req-12346", "", "00000000000000000000000000000000",
                                        "4BF92F3577B34DA6A3CE929D0E0E4736"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        for (size_t j = 0; j <= i; j++)
        {
            char header[TRACEPARENT_SIZE];
            trace_of_request(words[i], one);
            trace_of_request(words[j], other);
            ck_assert((strcmp(one, other) == 0) == (i == j));
            traceparent_write(words[i], 0, header);
            ck_assert(traceparent_read(header, other, NULL));
            ck_assert_str_eq(one, other);
        }
}
END_TEST

int main(void)
{
    struct suite_case cases[] = {
        {traceparent__is_taken_if_the_standard_says_so, 1},
        {trace__is_the_request_and_always_the_same, 1},
    };
    return suite_run("traceparent", cases, sizeof cases / sizeof cases[0]);
}
