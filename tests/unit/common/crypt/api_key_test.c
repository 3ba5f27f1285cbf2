/* SPDX-License-Identifier: Apache-2.0 */
#include "common/crypt/api_key.h"

#include "common/base/mask.h"
#include "tests/support/suite.h"

#include <string.h>

START_TEST(api_key__is_new_each_time_and_known_by_its_beginning)
{
    const struct api_key a = api_key_new();
    const struct api_key b = api_key_new();
    ck_assert_uint_eq(strlen(a.text), API_KEY_SIZE - 1);
    ck_assert_int_eq(strncmp(a.text, "sk_", 3), 0);
    ck_assert_str_ne(a.text, b.text);
}
END_TEST

/* req: S308 */
START_TEST(api_key__is_masked_in_logs_whatever_its_characters)
{
    char shown[64];
    for (int i = 0; i < 1000; i++)
    {
        const struct api_key key = api_key_new();
        mask_text(key.text, shown, sizeof shown);
        ck_assert_str_eq(shown, "sk_...***");
    }
}
END_TEST

START_TEST(api_key__is_stored_as_a_digest_of_all_of_it)
{
    const struct api_key key = api_key_new();
    struct digest stored;
    const struct digest whole = digest_sha256(key.text, strlen(key.text));
    ck_assert(api_key_digest(key.text, &stored));
    ck_assert(digest_equal(&stored, &whole));
}
END_TEST

static const char *const bad_rows[] = {
    "",
    "sk_",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "SK_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "sk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "sk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "sk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'A",
};

START_TEST(api_key__knows_what_cannot_be_one)
{
    struct digest digest;
    ck_assert(!api_key_digest(bad_rows[_i], &digest));
}
END_TEST

int main(void)
{
    const struct suite_case cases[] = {
        {api_key__is_new_each_time_and_known_by_its_beginning, 1},
        {api_key__is_masked_in_logs_whatever_its_characters, 1},
        {api_key__is_stored_as_a_digest_of_all_of_it, 1},
        {api_key__knows_what_cannot_be_one, sizeof bad_rows / sizeof bad_rows[0]},
    };
    return suite_run("api_key", cases, sizeof cases / sizeof cases[0]);
}
