/* SPDX-License-Identifier: Apache-2.0 */
#include "common/crypt/password.h"

#include "common/base/clock.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct err err;

/* req: S151 */
START_TEST(password__is_stored_as_argon2id)
{
    static const char start[] = "$argon2id$v=19$m=19456,t=2,p=1$";
    struct password_hash a;
    struct password_hash b;
    ck_assert_int_eq(password_hash("correct horse", &a, &err), E_OK);
    ck_assert_int_eq(password_hash("correct horse", &b, &err), E_OK);
    ck_assert_mem_eq(a.text, start, sizeof start - 1);
    ck_assert_str_ne(a.text, b.text); /* salted */
    ck_assert(!password_needs_rehash(a.text));
}
END_TEST

START_TEST(password__is_verified)
{
    struct password_hash hash;
    ck_assert_int_eq(password_hash("correct horse", &hash, &err), E_OK);
    ck_assert_int_eq(password_verify("correct horse", hash.text, &err), E_OK);
    ck_assert_int_eq(password_verify("correct hors", hash.text, &err), E_UNAUTHENTICATED);
    ck_assert_int_eq(password_verify("", hash.text, &err), E_UNAUTHENTICATED);
    ck_assert_int_eq(password_verify_nobody("correct horse", &err), E_UNAUTHENTICATED);
}
END_TEST

static const char *const bad_rows[] = {
    "",
    "plain",
    "$2b$12$abcdefghijklmnopqrstuuJ5p",
    "$argon2i$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$aGFzaA",
    "$argon2id$v=19$m=19456,t=2,p=1$",
    "$argon2id$v=19$m=19456,t=2,p=1$****$****",
    "$argon2id$v=19$m=999999999,t=2,p=1$bm9ib2R5IGF0IGFsbC4$aGFzaGhhc2hoYXNoaGFzaA",
    "$argon2id$v=19$m=8,t=999999999,p=1$bm9ib2R5IGF0IGFsbC4$aGFzaGhhc2hoYXNoaGFzaA",
};

START_TEST(password__is_wrong_for_a_stored_text_that_is_no_hash_of_ours)
{
    int64_t began_ms = clock_mono_ms();
    ck_assert_int_eq(password_verify("correct horse", bad_rows[_i], &err), E_UNAUTHENTICATED);
    ck_assert_int_lt(clock_mono_ms() - began_ms, 5000);
}
END_TEST

START_TEST(password__has_a_longest_length)
{
    char text[PASSWORD_MAX_BYTES + 2];
    struct password_hash hash;
    memset(text, 'a', sizeof text);
    text[PASSWORD_MAX_BYTES + 1] = '\0';
    ck_assert_int_eq(password_hash(text, &hash, &err), E_INVALID);
    text[PASSWORD_MAX_BYTES] = '\0';
    ck_assert_int_eq(password_hash(text, &hash, &err), E_OK);
    ck_assert_int_eq(password_verify(text, hash.text, &err), E_OK);
}
END_TEST

/* Of this process, and not of those beside it. */
static int64_t cpu_ns(const char *stored)
{
    struct timespec began;
    struct timespec ended;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &began);
    enum err_code code =
        stored != NULL ? password_verify("wrong", stored, &err) : password_verify_nobody("wrong", &err);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ended);
    ck_assert_int_eq(code, E_UNAUTHENTICATED);
    return (ended.tv_sec - began.tv_sec) * 1000000000 + ended.tv_nsec - began.tv_nsec;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* In turn, until the fastest of each are alike: a neighbour may slow any of them down. */
START_TEST(password__of_nobody_takes_as_long)
{
    struct password_hash hash;
    int64_t somebody_ns = INT64_MAX;
    int64_t nobody_ns = INT64_MAX;
    bool alike = false;
    ck_assert_int_eq(password_hash("correct horse", &hash, &err), E_OK);
    for (int i = 0; i < 50 && !alike; i++)
    {
        somebody_ns = least(somebody_ns, cpu_ns(hash.text));
        nobody_ns = least(nobody_ns, cpu_ns(NULL));
        alike = nobody_ns < somebody_ns * 3 / 2 && somebody_ns < nobody_ns * 3 / 2;
    }
    ck_assert_msg(alike, "somebody's takes %lld ns, nobody's %lld", (long long)somebody_ns,
                  (long long)nobody_ns);
}
END_TEST

START_TEST(password__of_weaker_parameters_is_hashed_again)
{
    ck_assert(password_needs_rehash("$argon2id$v=19$m=4096,t=2,p=1$c29tZXNhbHQ$aGFzaA"));
    ck_assert(password_needs_rehash("$argon2id$v=19$m=19456,t=1,p=1$c29tZXNhbHQ$aGFzaA"));
    ck_assert(password_needs_rehash("$2b$12$abc"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("password");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, password__is_stored_as_argon2id);
    tcase_add_test(tests, password__is_verified);
    tcase_add_loop_test(tests, password__is_wrong_for_a_stored_text_that_is_no_hash_of_ours, 0,
                        sizeof bad_rows / sizeof bad_rows[0]);
    tcase_add_test(tests, password__has_a_longest_length);
    tcase_add_test(tests, password__of_nobody_takes_as_long);
    tcase_add_test(tests, password__of_weaker_parameters_is_hashed_again);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
