/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/person.h"

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

START_TEST(person__tells_addresses_from_other_texts)
{
    ck_assert_msg(person_email_ok(emails[_i].email) == emails[_i].ok, "%s", emails[_i].email);
}
END_TEST

static const struct
{
    const char *name;
    bool ok;
} names[] = {
    {"ada", true},   {"Ada Lovelace", true}, {"zo\xc3\xab", true}, {"<script>", true}, {"", false},
    {" ada", false}, {"ada ", false},        {"a@b", false},       {"a\tb", false},    {"a\x7f", false},
};

START_TEST(person__takes_names_in_any_script_but_no_addresses)
{
    ck_assert_msg(person_name_ok(names[_i].name) == names[_i].ok, "%s", names[_i].name);
}
END_TEST

int main(void)
{
    struct suite_case cases[] = {
        {person__tells_addresses_from_other_texts, sizeof emails / sizeof emails[0]},
        {person__takes_names_in_any_script_but_no_addresses, sizeof names / sizeof names[0]},
    };
    return suite_run("person", cases, sizeof cases / sizeof cases[0]);
}
