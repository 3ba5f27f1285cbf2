/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/person.h"

#include "common/http/mail.h"
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
    {"zo\xc3\xab@example.org", false}, /* the mailer sends to ASCII addresses only */
    {"zoe@ex\xc3\xa4mple.org", false},
    {"zoe@xn--exmple-cua.org", true},
    {"root@localhost", true},
    {"root@media.local", true},
    {"a@b.invalid", false},
    {"a@b.INVALID", false},
    {"a@host.example", false},
    {"a@secret.onion", false},
    {"a@127.0.0.1", false},
    {"a@b.c", false},
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
    ck_assert_msg(!emails[_i].ok || mail_is_address(emails[_i].email), "%s cannot be sent to",
                  emails[_i].email);
}
END_TEST

static const struct
{
    const char *name;
    bool ok;
} names[] = {
    {"ada", true},
    {"Ada Lovelace", true},
    {"zo\xc3\xab", true},
    {"<script>", true},
    {"", false},
    {" ada", false},
    {"ada ", false},
    {"a@b", false},
    {"a\tb", false},
    {"a\x7f", false},
    {"ad\xe2\x80\x8b"
     "a",
     false},
    {"\xe2\x80\xae"
     "ada",
     false},
    {"ada\xc2\x9b", false},
    {"ada\xc2\xa0", false},
    {"\xe3\x80\x80"
     "ada",
     false},
    {"\xf3\xa0\x81\x81"
     "ada",
     false},
    {"a\xc3", false},
    {"\xe5\xb0\x8f\xe6\x9e\x97", true},
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
