/* SPDX-License-Identifier: Apache-2.0 */
#include "common/crypt/seen.h"

#include "tests/support/suite.h"

#include <stdio.h>
#include <string.h>

static struct seen *seen;

static void set_up(void)
{
    seen = seen_new();
    ck_assert_ptr_nonnull(seen);
}

static void tear_down(void)
{
    seen_free(seen);
}

static struct digest digest_of(int n)
{
    char text[32];
    snprintf(text, sizeof text, "token %d", n);
    return digest_sha256(text, strlen(text));
}

static void keep(const struct digest *digest, int64_t expires_s)
{
    const struct seen_token token = {.claims = {.role = "user", .expires_s = expires_s}, .from_s = 7};
    seen_keep(seen, digest, &token);
}

/* req: S146 */
START_TEST(seen__finds_what_was_kept_and_nothing_else)
{
    const struct digest one = digest_of(1);
    struct digest other = one;
    struct seen_token found;
    other.hex[DIGEST_HEX_SIZE - 2] ^= 1; /* in the same bucket */
    ck_assert(!seen_find(seen, &one, &found));
    keep(&one, 100);
    ck_assert(seen_find(seen, &one, &found));
    ck_assert_str_eq(found.claims.role, "user");
    ck_assert_int_eq(found.claims.expires_s, 100);
    ck_assert_int_eq(found.from_s, 7);
    ck_assert(!seen_find(seen, &other, &found));
}
END_TEST

START_TEST(seen__forgets_first_what_ends_first)
{
    struct digest digest = digest_of(1);
    struct seen_token found;
    for (int i = 0; i < 6; i++) /* six of one bucket of four; the second and third end first */
    {
        digest.hex[DIGEST_HEX_SIZE - 2] = (char)('0' + i);
        keep(&digest, i == 1 || i == 2 ? 10 + i : 100);
    }
    for (int i = 0; i < 6; i++)
    {
        digest.hex[DIGEST_HEX_SIZE - 2] = (char)('0' + i);
        ck_assert_int_eq(seen_find(seen, &digest, &found), i != 1 && i != 2);
    }
}
END_TEST

START_TEST(seen__stays_of_one_size)
{
    enum
    {
        MANY = 20000
    };
    struct seen_token found;
    int known = 0;
    for (int i = 0; i < MANY; i++)
    {
        const struct digest digest = digest_of(i);
        keep(&digest, i);
        ck_assert(seen_find(seen, &digest, &found));
    }
    for (int i = 0; i < MANY; i++)
    {
        const struct digest digest = digest_of(i);
        known += seen_find(seen, &digest, &found);
    }
    ck_assert_int_eq(known, 1024);
}
END_TEST

int main(void)
{
    const struct suite_case cases[] = {
        {seen__finds_what_was_kept_and_nothing_else, 1},
        {seen__forgets_first_what_ends_first, 1},
        {seen__stays_of_one_size, 1},
    };
    return suite_run_with("seen", cases, sizeof cases / sizeof cases[0], set_up, tear_down);
}
