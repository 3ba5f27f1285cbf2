/* SPDX-License-Identifier: Apache-2.0 */
#include "common/crypt/refresh.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* req: S150 */
START_TEST(refresh__makes_a_new_secret_each_time)
{
    struct refresh_token a = refresh_token_new();
    struct refresh_token b = refresh_token_new();
    ck_assert_uint_eq(strlen(a.text), REFRESH_LEN);
    ck_assert_str_ne(a.text, b.text);
}
END_TEST

START_TEST(refresh__stores_a_digest_and_not_the_secret)
{
    struct refresh_token token = refresh_token_new();
    struct digest stored;
    struct digest again;
    ck_assert(refresh_token_digest(token.text, &stored));
    ck_assert(refresh_token_digest(token.text, &again));
    ck_assert(digest_equal(&stored, &again));
    ck_assert_ptr_null(strstr(stored.hex, token.text));
}
END_TEST

START_TEST(refresh__keeps_seven_days)
{
    ck_assert_int_eq(REFRESH_S, 604800); /* req: S146 */
}
END_TEST

static const char *const bad_rows[] = {
    NULL,
    "",
    "short",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",   /* 42 */
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", /* 44 */
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB",  /* another spelling of zeros */
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'A",
};

START_TEST(refresh__knows_what_cannot_be_one)
{
    struct digest digest;
    ck_assert(!refresh_token_digest(bad_rows[_i], &digest));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("refresh");
    TCase *tests = tcase_create("all");
    tcase_add_test(tests, refresh__makes_a_new_secret_each_time);
    tcase_add_test(tests, refresh__stores_a_digest_and_not_the_secret);
    tcase_add_test(tests, refresh__keeps_seven_days);
    tcase_add_loop_test(tests, refresh__knows_what_cannot_be_one, 0, sizeof bad_rows / sizeof bad_rows[0]);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
