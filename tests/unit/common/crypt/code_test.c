/* SPDX-License-Identifier: Apache-2.0 */
#include "common/crypt/code.h"

#include "tests/support/suite.h"

#include <string.h>

START_TEST(code__is_new_each_time_and_read_as_people_type_it)
{
    const struct code code = code_new();
    const struct code other = code_new();
    struct digest digest;
    struct digest same;
    ck_assert_uint_eq(strlen(code.text), CODE_SIZE - 1);
    ck_assert_str_ne(code.text, other.text);
    ck_assert(code_digest("O1IL2-34567-89ABC-DEFGH-JKMNP", &digest));
    ck_assert(code_digest(" 01112 34567 89abc defghjkmnp", &same));
    ck_assert(digest_equal(&digest, &same));
    ck_assert(code_digest(code.text, &digest));
    ck_assert(!digest_equal(&digest, &same));
    ck_assert_ptr_null(strstr(digest.hex, "-"));
}
END_TEST

static const char *const bad[] = {"",
                                  "x",
                                  "00000-00000-00000-00000-0000",
                                  "00000-00000-00000-00000-000000",
                                  "00000-00000-00000-00000-0000U",
                                  "00000_00000_00000_00000_00000",
                                  "00000-00000-00000-00000-0000\xc3\xa9"};

START_TEST(code__knows_what_cannot_be_one)
{
    struct digest digest;
    ck_assert(!code_digest(bad[_i], &digest));
}
END_TEST

int main(void)
{
    struct suite_case cases[] = {
        {code__is_new_each_time_and_read_as_people_type_it, 1},
        {code__knows_what_cannot_be_one, sizeof bad / sizeof bad[0]},
    };
    return suite_run("code", cases, sizeof cases / sizeof cases[0]);
}
