/* SPDX-License-Identifier: Apache-2.0 */
#include "api/keys.h"

#include "tests/support/suite.h"

#include <stdio.h>
#include <string.h>

static struct keys *keys;

static void set_up(void)
{
    keys = keys_new();
    ck_assert_ptr_nonnull(keys);
}

static void tear_down(void)
{
    keys_free(keys);
}

static struct digest digest_of(int n)
{
    char text[32];
    snprintf(text, sizeof text, "sk_%d", n);
    return digest_sha256(text, strlen(text));
}

static void keep(const struct digest *digest, enum role role, int64_t until_ms)
{
    const struct key_known known = {{.role = role}, until_ms};
    keys_keep(keys, digest, &known);
}

START_TEST(keys__are_known_until_their_time_is_over)
{
    const struct digest one = digest_of(1);
    const struct digest two = digest_of(2);
    struct key_known found;
    ck_assert(!keys_find(keys, &one, 0, &found));
    keep(&one, ROLE_ADMIN, 1000);
    ck_assert(keys_find(keys, &one, 999, &found));
    ck_assert_int_eq(found.user.role, ROLE_ADMIN);
    ck_assert(!keys_find(keys, &two, 999, &found));
    ck_assert(!keys_find(keys, &one, 1000, &found));
}
END_TEST

START_TEST(keys__are_replaced_by_what_is_said_of_them_later)
{
    const struct digest one = digest_of(1);
    struct key_known found;
    keep(&one, ROLE_ADMIN, 1000);
    keep(&one, ROLE_USER, 500);
    ck_assert(keys_find(keys, &one, 400, &found));
    ck_assert_int_eq(found.user.role, ROLE_USER);
    ck_assert(!keys_find(keys, &one, 600, &found)); /* the first is not there beside it */
}
END_TEST

START_TEST(keys__have_room_for_so_many_and_the_latest_is_always_there)
{
    struct key_known found;
    int known = 0;
    for (int i = 0; i < 10000; i++)
    {
        const struct digest digest = digest_of(i);
        keep(&digest, ROLE_USER, 1000 + i);
        ck_assert(keys_find(keys, &digest, 0, &found));
    }
    for (int i = 0; i < 10000; i++)
    {
        const struct digest digest = digest_of(i);
        known += keys_find(keys, &digest, 0, &found) ? 1 : 0;
    }
    ck_assert_int_eq(known, 256);
}
END_TEST

int main(void)
{
    const struct suite_case cases[] = {
        {keys__are_known_until_their_time_is_over, 1},
        {keys__are_replaced_by_what_is_said_of_them_later, 1},
        {keys__have_room_for_so_many_and_the_latest_is_always_there, 1},
    };
    return suite_run_with("keys", cases, sizeof cases / sizeof cases[0], set_up, tear_down);
}
