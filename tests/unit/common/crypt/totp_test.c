/* SPDX-License-Identifier: Apache-2.0 */
#include "common/crypt/totp.h"

#include "tests/support/suite.h"

#include <string.h>

static const struct totp_secret rfc = {"12345678901234567890"};

/* RFC 6238, appendix B: the last six of its eight digits. */
static const struct
{
    int64_t at_s;
    const char *code;
} vectors[] = {
    {59, "287082"},         {1111111109, "081804"}, {1111111111, "050471"},
    {1234567890, "005924"}, {2000000000, "279037"}, {20000000000, "353130"},
};

START_TEST(totp__makes_the_codes_of_the_rfc)
{
    char code[TOTP_DIGITS + 1];
    totp_code(&rfc, vectors[_i].at_s / TOTP_STEP_S, code);
    ck_assert_str_eq(code, vectors[_i].code);
}
END_TEST

/* The code of 59 s, which is step 1. */
static const struct
{
    const char *code;
    int64_t now_s;
    int64_t last;
    int64_t step;
} finds[] = {
    {"287082", 59, 0, 1},   {"287082", 30, 0, 1}, {"287082", 89, 0, 1}, {"287082", 0, 0, 1},
    {"287082", 90, 0, 0},   {"287082", 59, 1, 0}, {"287082", 59, 7, 0}, {"287083", 59, 0, 0},
    {"94287082", 59, 0, 0}, {"28708", 59, 0, 0},  {"", 59, 0, 0},       {"87082 ", 59, 0, 0},
};

START_TEST(totp__takes_a_code_one_step_early_or_late_and_each_once)
{
    ck_assert_int_eq(totp_find(&rfc, finds[_i].code, finds[_i].now_s, finds[_i].last), finds[_i].step);
}
END_TEST

START_TEST(totp__writes_a_secret_as_apps_read_it)
{
    char text[TOTP_SECRET_SIZE];
    struct totp_secret read;
    totp_secret_write(&rfc, text);
    ck_assert_str_eq(text, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"); /* as base32(1) does */
    ck_assert(totp_secret_read(text, &read));
    ck_assert_mem_eq(read.bytes, rfc.bytes, sizeof rfc.bytes);
    for (int i = 0; i < 100; i++)
    {
        const struct totp_secret secret = totp_secret_new();
        totp_secret_write(&secret, text);
        ck_assert(totp_secret_read(text, &read));
        ck_assert_mem_eq(read.bytes, secret.bytes, sizeof secret.bytes);
    }
    ck_assert(!totp_secret_read("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJ1", &read));
    ck_assert(!totp_secret_read("GEZDGNBVGY3TQOJQ", &read));
    ck_assert(!totp_secret_read("", &read));
}
END_TEST

START_TEST(recovery__is_known_however_it_is_typed)
{
    char code[RECOVERY_SIZE];
    struct digest one;
    struct digest two;
    recovery_new(code);
    ck_assert_uint_eq(strlen(code), RECOVERY_SIZE - 1);
    ck_assert(!totp_is_code(code));
    ck_assert(recovery_digest("abcd-efgh-ijkl-mnop", &one) && recovery_digest(" ABCDEFGH IJKLMNOP", &two));
    ck_assert(digest_equal(&one, &two));
    ck_assert(recovery_digest(code, &two) && !digest_equal(&one, &two));
    static const char *const bad[] = {"",
                                      "123456",
                                      "abcd-efgh-ijkl-mno",
                                      "abcd-efgh-ijkl-mnopq",
                                      "abcd-efgh-ijkl-mno1",
                                      "abcd-efgh-ijkl-mno\xc3\xa9"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert(!recovery_digest(bad[i], &one));
}
END_TEST

int main(void)
{
    const struct suite_case cases[] = {
        {totp__makes_the_codes_of_the_rfc, sizeof vectors / sizeof vectors[0]},
        {totp__takes_a_code_one_step_early_or_late_and_each_once, sizeof finds / sizeof finds[0]},
        {totp__writes_a_secret_as_apps_read_it, 1},
        {recovery__is_known_however_it_is_typed, 1},
    };
    return suite_run("totp", cases, sizeof cases / sizeof cases[0]);
}
