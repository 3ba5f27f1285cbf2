/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/mask.h"

#include "tests/support/suite.h"

#include <stdio.h>
#include <string.h>

#define JWT "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl"

/* req: S32, S307, S308, S309 */
static const struct
{
    const char *text;
    const char *masked;
} rows[] = {
    {"", ""},
    {"nothing to hide", "nothing to hide"},
    {"postgres://sokoul:hunter2@db:5432/x", "postgres://sokoul:***@db:5432/x"},
    {"postgres://sokoul:a:b@c@db/x?y=1", "postgres://sokoul:***@db/x?y=1"},
    {"redis://:hunter2@h/0 and nats://u:p@h", "redis://:***@h/0 and nats://u:***@h"},
    {"http://host:3000/path@x", "http://host:3000/path@x"},
    {"http://user@host/", "http://user@host/"},
    {"host=db password=hunter2 dbname=x", "host=db password=*** dbname=x"},
    {"PASSWORD=hunter2", "PASSWORD=***"},
    {"passwd = hunter2;x", "passwd = ***;x"},
    {"{\"password\":\"two \\\"words\\\" here\",\"a\":1}", "{\"password\":\"***\",\"a\":1}"},
    {"{'db_password': 'x y', 'b': 2}", "{'db_password': '***', 'b': 2}"},
    {"GET /x?api_key=0123&page=2", "GET /x?api_key=***&page=2"},
    {"X-Api-Key: 0123456789abcdef", "X-Api-Key: ***"},
    {"?apikey=abc", "?apikey=***"},
    {"refresh_token=abc.def&x", "refresh_token=***&x"},
    {"client_secret: abc", "client_secret: ***"},
    {"password=\"unfinished", "password=\"***"},
    {"Authorization: Bearer " JWT, "Authorization: Bearer eyJhbGciOi***"},
    {"Authorization: Basic dTpw", "Authorization: Basic ***"},
    {"bearer " JWT " expired", "bearer eyJhbGciOi*** expired"},
    {"/ws?token=" JWT "&since=1", "/ws?token=eyJhbGciOi***&since=1"},
    {"a token " JWT, "a token eyJhbGciOi***"},
    {"\"" JWT "\"", "\"eyJhbGciOi***\""},
    {"eyJ is short", "eyJ is short"},
    {"key sk_live0123456789 used", "key sk_...*** used"},
    {"api_key=sk_live0123456789", "api_key=sk_...***"},
    {"task_count=3 disk_full", "task_count=3 disk_full"},
    {"sk_x", "sk_x"},
    {"the password is wrong", "the password is wrong"},
    {"token", "token"},
    {"token=", "token="},
};

START_TEST(mask__hides_what_looks_like_a_secret)
{
    char out[512];
    size_t len = mask_text(rows[_i].text, out, sizeof out);
    ck_assert_str_eq(out, rows[_i].masked);
    ck_assert_uint_eq(len, strlen(out));
}
END_TEST

START_TEST(mask__hides_the_secrets_it_was_given)
{
    char out[256];
    mask_secret("correct horse");
    mask_secret("correct horse battery");
    mask_secret("short");
    mask_secret(NULL);
    mask_text("a correct horse, a correct horse battery, a correct hors, short", out, sizeof out);
    ck_assert_str_eq(out, "a ***, a ***, a correct hors, short");
    mask_text("http://my correct horse:word@host/", out, sizeof out); /* no URL, since it has blanks */
    ck_assert_str_eq(out, "http://my ***:word@host/");
    mask_secret("a_user_that_is_a_key");
    mask_text("https://xa_user_that_is_a_key:word@host/", out, sizeof out);
    ck_assert_str_eq(out, "https://x***:***@host/");
    ck_assert_uint_eq(mask_longest(), strlen("correct horse battery"));
}
END_TEST

/* part: S186 */
START_TEST(mask__lets_the_secret_give_way_that_was_given_least_recently)
{
    char out[64];
    char secret[64];
    for (int i = 0; i < 10 * MASK_SECRETS; i++)
    {
        snprintf(secret, sizeof secret, "number-%04d", i);
        mask_secret(secret);
        mask_secret("given-each-time");
        mask_text(secret, out, sizeof out);
        ck_assert_str_eq(out, "***");
    }
    mask_text("given-each-time", out, sizeof out);
    ck_assert_str_eq(out, "***");
    mask_text("number-0000", out, sizeof out);
    ck_assert_str_eq(out, "number-0000");
}
END_TEST

START_TEST(mask__cuts_what_does_not_fit)
{
    char out[8];
    ck_assert_uint_eq(mask_text("0123456789", out, sizeof out), 7);
    ck_assert_str_eq(out, "0123456");
    ck_assert_uint_eq(mask_text("password=hunter2", out, sizeof out), 7);
    ck_assert_str_eq(out, "passwor");
}
END_TEST

int main(void)
{
    struct suite_case cases[] = {
        {mask__hides_what_looks_like_a_secret, sizeof rows / sizeof rows[0]},
        {mask__hides_the_secrets_it_was_given, 1},
        {mask__lets_the_secret_give_way_that_was_given_least_recently, 1},
        {mask__cuts_what_does_not_fit, 1},
    };
    return suite_run("mask", cases, sizeof cases / sizeof cases[0]);
}
