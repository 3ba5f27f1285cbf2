/* SPDX-License-Identifier: Apache-2.0 */
#include "common/crypt/revoked.h"

#include "tests/support/suite.h"

#include <stdio.h>

static struct revoked *revoked;
static struct err err;

static void set_up(void)
{
    revoked = revoked_new();
    ck_assert_ptr_nonnull(revoked);
}

static void tear_down(void)
{
    revoked_free(revoked);
}

static void keep(const struct id *id, const char *role, int64_t ends_s, int64_t now_s)
{
    struct revoked_subject subject = {.id = *id, .ends_s = ends_s};
    snprintf(subject.role, sizeof subject.role, "%s", role);
    ck_assert_int_eq(revoked_keep(revoked, &subject, now_s, &err), E_OK);
}

START_TEST(revoked__has_the_latest_that_is_left_to_a_subject)
{
    struct revoked_subject found;
    const struct id one = id_new();
    const struct id other = id_new();
    ck_assert(!revoked_find(revoked, &one, &found));
    keep(&one, "moderator", 100, 1);
    ck_assert(revoked_find(revoked, &one, &found));
    ck_assert_str_eq(found.role, "moderator");
    ck_assert(!revoked_find(revoked, &other, &found));
    keep(&one, "", 200, 1);
    ck_assert(revoked_find(revoked, &one, &found));
    ck_assert_str_eq(found.role, "");
    ck_assert_int_eq(found.ends_s, 200);
}
END_TEST

START_TEST(revoked__keeps_all_that_have_not_ended_and_no_place_for_the_others)
{
    enum
    {
        MANY = 20000,
        ALIVE = 100
    };
    struct revoked_subject found;
    static struct id alive[ALIVE];
    for (int i = 0; i < MANY; i++) /* one a second, each of which ends ten seconds later */
    {
        const struct id id = id_new();
        if (i % (MANY / ALIVE) == 0)
        {
            alive[i / (MANY / ALIVE)] = id_new();
            keep(&alive[i / (MANY / ALIVE)], "", INT64_MAX, i);
        }
        keep(&id, "", i + 10, i);
        ck_assert(revoked_find(revoked, &id, &found));
    }
    for (int i = 0; i < ALIVE; i++)
        ck_assert(revoked_find(revoked, &alive[i], &found));
}
END_TEST

START_TEST(revoked__is_fresh_for_some_seconds_after_a_look)
{
    ck_assert(!revoked_is_fresh(revoked, 0));
    revoked_looked(revoked, 1000);
    ck_assert(revoked_is_fresh(revoked, 1000 + REVOKED_FRESH_MS));
    ck_assert(!revoked_is_fresh(revoked, 1001 + REVOKED_FRESH_MS));
}
END_TEST

int main(void)
{
    const struct suite_case cases[] = {
        {revoked__has_the_latest_that_is_left_to_a_subject, 1},
        {revoked__keeps_all_that_have_not_ended_and_no_place_for_the_others, 1},
        {revoked__is_fresh_for_some_seconds_after_a_look, 1},
    };
    return suite_run_with("revoked", cases, sizeof cases / sizeof cases[0], set_up, tear_down);
}
