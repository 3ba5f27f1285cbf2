/* SPDX-License-Identifier: Apache-2.0 */
/* How mails are written; that they arrive is tested in tests/e2e/test_notify.py. */
#include "common/http/mail.h"

#include "tests/support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct err err;

/* 2026-02-15T15:28:37Z, a Sunday */
static const struct mail good = {.to = "ada@example.org",
                                 .subject = "Hello",
                                 .text = "One\nTwo\n",
                                 .id = "0190-ab",
                                 .at_ms = 1771169317123};

static const struct
{
    const char *address;
    bool is_one;
} addresses[] = {
    {"ada@example.org", true},
    {"ada.b+c@mail.example.org", true},
    {"sokoul@localhost", true},
    {"sokoul@[127.0.0.1]", true},
    {"", false},
    {NULL, false},
    {"ada", false},
    {"@example.org", false},
    {"ada@", false},
    {"ada@b@c", false},
    {"ada@-x", false},
    {"ada@example.org\r\nBcc: eve@example.org", false},
    {"ada@example.org, eve@example.org", false},
    {"Ada <ada@example.org>", false},
    {"ada>@example.org", false},
    {"\"ada b\"@example.org", false},
    {"am\xc3\xa9lie@example.org", false},
};

START_TEST(mail__knows_simple_addresses)
{
    ck_assert_int_eq(mail_is_address(addresses[_i].address), addresses[_i].is_one);
}
END_TEST

START_TEST(mail__has_every_header_and_ends_its_lines_with_crlf)
{
    struct buf out;
    buf_init(&out, MAIL_MAX_BYTES);
    ck_assert_int_eq(mail_write(&out, "s@home.example", &good, &err), E_OK);
    ck_assert_str_eq(out.data, "Date: Sun, 15 Feb 2026 15:28:37 +0000\r\n"
                               "From: Sokoul <s@home.example>\r\n"
                               "To: <ada@example.org>\r\n"
                               "Message-ID: <0190-ab@home.example>\r\n"
                               "Subject: Hello\r\n"
                               "Auto-Submitted: auto-generated\r\n"
                               "MIME-Version: 1.0\r\n"
                               "Content-Type: text/plain; charset=utf-8\r\n"
                               "Content-Transfer-Encoding: quoted-printable\r\n"
                               "\r\n"
                               "One\r\nTwo\r\n");
    buf_fini(&out);
}
END_TEST

static const struct
{
    const char *subject;
    const char *line; /* what must be in the mail */
} subjects[] = {
    {"Am\xc3\xa9lie", "Subject: =?UTF-8?Q?Am=C3=A9lie?=\r\n"},
    {"a\r\nBcc: eve@example.org", "Subject: =?UTF-8?Q?a__Bcc=3A_eve=40example=2Eorg?=\r\n"},
    {"=?UTF-8?Q?x?=", "Subject: =?UTF-8?Q?=3D=3FUTF=2D8=3FQ=3Fx=3F=3D?=\r\n"},
    {"", "Subject: \r\n"},
    /* a character is never cut in two */
    {"1234567890123456789012345678901234567890123456789012\xc3\xa9", "9012?=\r\n =?UTF-8?Q?=C3=A9?=\r\n"},
};

START_TEST(mail__encodes_what_is_not_plain_in_a_subject)
{
    struct buf out;
    struct mail mail = good;
    mail.subject = subjects[_i].subject;
    buf_init(&out, MAIL_MAX_BYTES);
    ck_assert_int_eq(mail_write(&out, "s@home.example", &mail, &err), E_OK);
    ck_assert_msg(strstr(out.data, subjects[_i].line) != NULL, "%s", out.data);
    ck_assert_ptr_null(strstr(out.data, "\nBcc"));
    buf_fini(&out);
}
END_TEST

static const struct
{
    const char *text;
    const char *body;
} texts[] = {
    {"a=b", "a=3Db\r\n"},       {"end \nnext", "end=20\r\nnext\r\n"},
    {"\xc3\xa9", "=C3=A9\r\n"}, {"a\rb\x01", "a b=20\r\n"},
    {".\n", ".\r\n"},           {"", ""},
};

START_TEST(mail__encodes_what_is_not_plain_in_a_text)
{
    struct buf out;
    struct mail mail = good;
    mail.text = texts[_i].text;
    buf_init(&out, MAIL_MAX_BYTES);
    ck_assert_int_eq(mail_write(&out, "s@home.example", &mail, &err), E_OK);
    ck_assert_str_eq(strstr(out.data, "\r\n\r\n") + 4, texts[_i].body);
    buf_fini(&out);
}
END_TEST

START_TEST(mail__has_no_long_line)
{
    static char text[9000];
    struct buf out;
    struct mail mail = good;
    memset(text, 'x', sizeof text - 1);
    mail.text = mail.subject = text;
    buf_init(&out, MAIL_MAX_BYTES);
    ck_assert_int_eq(mail_write(&out, "s@home.example", &mail, &err), E_OK);
    for (const char *at = out.data, *end; (end = strstr(at, "\r\n")) != NULL; at = end + 2)
        ck_assert_int_le(end - at, 76);
    buf_fini(&out);
}
END_TEST

START_TEST(mail__refuses_what_it_cannot_write)
{
    static char text[MAIL_MAX_TEXT + 1];
    struct buf out;
    struct mail mail = good;
    memset(text, 'x', sizeof text - 1);
    buf_init(&out, MAIL_MAX_BYTES);
    ck_assert_int_eq(mail_write(&out, "nobody", &mail, &err), E_CONFIG);
    mail.to = "eve@example.org>\r\nX: y";
    ck_assert_int_eq(mail_write(&out, "s@home.example", &mail, &err), E_INVALID);
    mail = good;
    mail.text = text;
    ck_assert_int_eq(mail_write(&out, "s@home.example", &mail, &err), E_TOO_LARGE);
    mail = good;
    mail.id = "a>\r\nX: y";
    ck_assert_int_eq(mail_write(&out, "s@home.example", &mail, &err), E_BUG);
    ck_assert_uint_eq(out.len, 0);
    buf_fini(&out);
}
END_TEST

int main(void)
{
    const struct suite_case cases[] = {
        {mail__knows_simple_addresses, sizeof addresses / sizeof addresses[0]},
        {mail__has_every_header_and_ends_its_lines_with_crlf, 1},
        {mail__encodes_what_is_not_plain_in_a_subject, sizeof subjects / sizeof subjects[0]},
        {mail__encodes_what_is_not_plain_in_a_text, sizeof texts / sizeof texts[0]},
        {mail__has_no_long_line, 1},
        {mail__refuses_what_it_cannot_write, 1},
    };
    return suite_run("mail", cases, sizeof cases / sizeof cases[0]);
}
