/* SPDX-License-Identifier: Apache-2.0 */
#include "api/dto/account.h"

#include "tests/support/suite.h"

/* req: S40 */
static const struct
{
    const char *email;
    bool ok;
} emails[] = {
    {"a@example.org", true},
    {"first.last+tag@mail.example.co.uk", true},
    {"o'brien@example.org", true},
    {"zo\xc3\xab@ex\xc3\xa4mple.org", true},
    {"1234567890123456789012345678901234567890123456789012345678901234@example.org", true},
    {"12345678901234567890123456789012345678901234567890123456789012345@example.org", false},
    {"", false},
    {"@", false},
    {"a@", false},
    {"@example.org", false},
    {"a@b", false},
    {"a@b.", false},
    {"a@.b", false},
    {"a@b..c", false},
    {"a@-b.org", false},
    {"a@b-.org", false},
    {"a@@b.org", false},
    {"a@b@c.org", false},
    {".a@b.org", false},
    {"a.@b.org", false},
    {"a..b@c.org", false},
    {"a b@c.org", false},
    {"a@b c.org", false},
    {"a\n@b.org", false},
    {"a@b.org\n", false},
    {"<a>@b.org", false},
    {"\"a\"@b.org", false},
    {"a@[127.0.0.1]", false},
};

START_TEST(account__tells_addresses_from_other_texts)
{
    ck_assert_msg(account_email_ok(emails[_i].email) == emails[_i].ok, "%s", emails[_i].email);
}
END_TEST

static const struct
{
    const char *username;
    bool ok;
} names[] = {
    {"ada", true},   {"Ada Lovelace", true}, {"zo\xc3\xab", true}, {"<script>", true}, {"", false},
    {" ada", false}, {"ada ", false},        {"a@b", false},       {"a\tb", false},    {"a\x7f", false},
};

START_TEST(account__takes_names_in_any_script_but_no_addresses)
{
    ck_assert_msg(account_username_ok(names[_i].username) == names[_i].ok, "%s", names[_i].username);
}
END_TEST

int main(void)
{
    struct suite_case cases[] = {
        {account__tells_addresses_from_other_texts, sizeof emails / sizeof emails[0]},
        {account__takes_names_in_any_script_but_no_addresses, sizeof names / sizeof names[0]},
    };
    return suite_run("account", cases, sizeof cases / sizeof cases[0]);
}
