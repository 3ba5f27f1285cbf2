/* SPDX-License-Identifier: Apache-2.0 */
#include "common/crypt/strength.h"

#include "tests/support/suite.h"

#include <string.h>

static const char *const known[] = {"Lovelace", NULL, "ada@example.org", "ada"};

/* req: S40 */
static const struct
{
    const char *password;
    const char *reason; /* NULL: it is good */
} rows[] = {
    {"12345678", "common"},
    {"abcdefgh", "row"},
    {"xxxxxxxxxxxx", "common"},
    {"password", "common"},
    {"password123", "common"},
    {"Passw0rd!", "common"},
    {"letmein1", "common"},
    {"iloveyou", "common"},
    {"football", "common"},
    {"lovelace", "like the name"},
    {"Lovelace1", "like the name"},
    {"ada@example.org", "like the name"},
    {"correct horse battery", NULL},
    {"p\xc3\xa4ssw\xc3\xb6rd", NULL},
    {"j8Kd02ms", NULL},
    {"Tr0ub4dor&3", NULL},
};

START_TEST(strength__says_why_a_password_is_weak)
{
    struct err err = ERR_INIT;
    const char *reason = rows[_i].reason;
    enum err_code code = strength_check(rows[_i].password, known, 4, &err);
    ck_assert_msg(code == (reason == NULL ? E_OK : E_INVALID), "%s: %s", rows[_i].password, err.text);
    if (reason != NULL)
        ck_assert_msg(strstr(err.text, reason) != NULL, "%s: %s", rows[_i].password, err.text);
}
END_TEST

START_TEST(strength__looks_at_long_passwords_no_longer_than_at_others)
{
    char text[2048];
    struct err err = ERR_INIT;
    for (size_t i = 0; i < sizeof text - 1; i++)
        text[i] = (char)('!' + i * 7 % 90);
    text[sizeof text - 1] = '\0';
    ck_assert_int_eq(strength_check(text, NULL, 0, &err), E_OK);
    memset(text, 0xc3, 500); /* not UTF-8: bytes are bytes */
    enum err_code code = strength_check(text, NULL, 0, &err);
    ck_assert(code == E_OK || code == E_INVALID);
}
END_TEST

int main(void)
{
    struct suite_case cases[] = {
        {strength__says_why_a_password_is_weak, sizeof rows / sizeof rows[0]},
        {strength__looks_at_long_passwords_no_longer_than_at_others, 1},
    };
    return suite_run("strength", cases, sizeof cases / sizeof cases[0]);
}
