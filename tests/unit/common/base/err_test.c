/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/err.h"

#include "common/base/utf8.h"

#include <string.h>

/* Before check.h, which has a `fail` of its own. */
static int fail_line;

static enum err_code refuse(struct err *err, const char *what)
{
    fail_line = __LINE__ + 1;
    return fail(err, E_CONFLICT, "job %s is taken", what);
}

#include "tests/support/suite.h"

START_TEST(err__remembers_code_text_and_place)
{
    struct err err = {.retry_after_s = 7};
    ck_assert_int_eq(refuse(&err, "x"), E_CONFLICT);
    ck_assert_int_eq(err.code, E_CONFLICT);
    ck_assert_str_eq(err.text, "job x is taken");
    ck_assert_int_eq(err.line, fail_line);
    ck_assert_ptr_nonnull(strstr(err.file, "err_test.c"));
    ck_assert_uint_eq(err.retry_after_s, 0);
    ck_assert_int_eq(refuse(NULL, "x"), E_CONFLICT);
}
END_TEST

START_TEST(err__cuts_long_texts)
{
    struct err err = ERR_INIT;
    char text[1000];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    ck_assert_int_eq(refuse(&err, text), E_CONFLICT);
    ck_assert_uint_eq(strlen(err.text), sizeof err.text - 1);
}
END_TEST

START_TEST(err__is_one_line_of_utf8_whatever_it_is_made_of)
{
    struct err err = ERR_INIT;
    char text[1000] = "";
    for (size_t i = 0; i < 300; i += 3)
        memcpy(text + i, "€", 4);
    for (size_t from = 0; from < 3; from++)
    {
        ck_assert_int_eq(refuse(&err, text + from), E_CONFLICT);
        ck_assert(utf8_valid(err.text, strlen(err.text)));
    }
    ck_assert_int_eq(refuse(&err, "caf\xe9\nbar"), E_CONFLICT);
    ck_assert_str_eq(err.text, "job caf? bar is taken");
}
END_TEST

/* What DESIGN promises of each failure: to a client, to a job, to the shell. */
static const struct
{
    enum err_code code;
    int http;
    enum err_job job;
    int exit;
    const char *reason;
} rows[] = {
    {E_OK, 200, ERR_JOB_DONE, 0, "ok"},
    {E_INVALID, 400, ERR_JOB_GIVE_UP, 64, "invalid"},
    {E_NOT_FOUND, 404, ERR_JOB_GIVE_UP, 1, "not_found"},
    {E_CODE_NEEDED, 401, ERR_JOB_GIVE_UP, 1, "second_factor_required"},
    {E_TOO_MANY, 429, ERR_JOB_RETRY, 75, "rate_limited"},
    {E_BUG, 500, ERR_JOB_RETRY, 70, "bug"},
    {E_DATABASE, 503, ERR_JOB_HAND_BACK, 69, "database"},
    {E_PROVIDER, 503, ERR_JOB_RETRY, 69, "provider"},
    {E_DISK_FULL, 503, ERR_JOB_GIVE_UP, 75, "disk_full"},
    {E_LOST, 503, ERR_JOB_DROP, 75, "lost"},
    {E_WAITING, 503, ERR_JOB_WAIT, 75, "waiting"},
    {E_PAUSED, 503, ERR_JOB_WAIT, 75, "paused"},
    {E_USAGE, 400, ERR_JOB_GIVE_UP, 64, "usage"},
    {E_CONFIG, 500, ERR_JOB_GIVE_UP, 78, "configuration"},
};

START_TEST(err__means_what_its_row_says)
{
    ck_assert_int_eq(err_http(rows[_i].code), rows[_i].http);
    ck_assert_int_eq(err_job(rows[_i].code), rows[_i].job);
    ck_assert_int_eq(err_exit(rows[_i].code), rows[_i].exit);
    ck_assert_str_eq(err_reason(rows[_i].code), rows[_i].reason);
}
END_TEST

START_TEST(err__has_a_full_row_for_every_code)
{
    for (int code = 0; code < E_COUNT; code++)
    {
        ck_assert_int_ge(err_http((enum err_code)code), 200);
        ck_assert_uint_gt(strlen(err_reason((enum err_code)code)), 0);
        ck_assert_uint_gt(strlen(err_title((enum err_code)code)), 0);
    }
    ck_assert_int_eq(err_http(E_COUNT), 500);
}
END_TEST

int main(void)
{
    struct suite_case cases[] = {
        {err__remembers_code_text_and_place, 1},
        {err__cuts_long_texts, 1},
        {err__is_one_line_of_utf8_whatever_it_is_made_of, 1},
        {err__means_what_its_row_says, sizeof rows / sizeof rows[0]},
        {err__has_a_full_row_for_every_code, 1},
    };
    return suite_run("err", cases, sizeof cases / sizeof cases[0]);
}
