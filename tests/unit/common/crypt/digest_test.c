/* SPDX-License-Identifier: Apache-2.0 */
#include "common/crypt/digest.h"

#include "common/crypt/base64.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

START_TEST(digest__is_sha256)
{
    struct digest empty = digest_sha256("", 0);
    struct digest abc = digest_sha256("abc", 3);
    ck_assert_str_eq(empty.hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    ck_assert_str_eq(abc.hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}
END_TEST

START_TEST(digest__compares)
{
    struct digest a = digest_sha256("a", 1);
    struct digest b = digest_sha256("b", 1);
    ck_assert(digest_equal(&a, &a));
    ck_assert(!digest_equal(&a, &b));
    ck_assert(secret_equal("abc", 3, "abc", 3));
    ck_assert(!secret_equal("abc", 3, "abx", 3));
    ck_assert(!secret_equal("abc", 3, "abcd", 4));
    ck_assert(secret_equal("", 0, "", 0));
}
END_TEST

START_TEST(digest__wipes)
{
    char text[] = "secret";
    secret_wipe(text, sizeof text);
    for (size_t i = 0; i < sizeof text; i++)
        ck_assert_int_eq(text[i], 0);
    secret_wipe(NULL, 0);
}
END_TEST

/* RFC 4648, section 10, without the padding; and the two characters that differ in base64url. */
static const struct
{
    const char *bytes;
    const char *text;
} rows[] = {
    {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
    {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff\xbf", "-_-_"},
};

START_TEST(base64__writes_and_reads_back)
{
    char text[32];
    char bytes[32];
    size_t len = 99;
    base64_encode(rows[_i].bytes, strlen(rows[_i].bytes), text);
    ck_assert_str_eq(text, rows[_i].text);
    ck_assert_uint_eq(strlen(text), BASE64_TEXT_LEN(strlen(rows[_i].bytes)));
    ck_assert(base64_decode(text, strlen(text), bytes, sizeof bytes, &len));
    ck_assert_uint_eq(len, strlen(rows[_i].bytes));
    ck_assert_mem_eq(bytes, rows[_i].bytes, len);
}
END_TEST

static const char *const bad_rows[] = {
    "Z", "Zh", "Zm9", "Zg==", "Zm8=", "Z g", "Zm+v", "Zm/v", "Zm9vZ", "\xc3\xa9"};

START_TEST(base64__accepts_one_spelling_only)
{
    char bytes[32];
    size_t len = 0;
    ck_assert_msg(!base64_decode(bad_rows[_i], strlen(bad_rows[_i]), bytes, sizeof bytes, &len), "%s",
                  bad_rows[_i]);
}
END_TEST

START_TEST(base64__never_writes_past_the_end)
{
    char bytes[2];
    size_t len = 0;
    ck_assert(!base64_decode("Zm9v", 4, bytes, sizeof bytes, &len));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("digest");
    TCase *tests = tcase_create("all");
    tcase_add_test(tests, digest__is_sha256);
    tcase_add_test(tests, digest__compares);
    tcase_add_test(tests, digest__wipes);
    tcase_add_loop_test(tests, base64__writes_and_reads_back, 0, sizeof rows / sizeof rows[0]);
    tcase_add_loop_test(tests, base64__accepts_one_spelling_only, 0, sizeof bad_rows / sizeof bad_rows[0]);
    tcase_add_test(tests, base64__never_writes_past_the_end);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
