/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/moved.h"

#include "tests/support/suite.h"

#include <stdio.h>

static const char first[] = "postgresql://sokoul:one@db:5432/sokoul";

/* Where it goes, and whether the address before it is the same server. */
static const struct
{
    const char *now;
    const char *before;
} moves[] = {
    {"postgresql://sokoul:two@db:5432/sokoul", first},
    {"postgresql://other:three@db:5432/sokoul", "postgresql://sokoul:two@db:5432/sokoul"},
    {"postgresql://other:three@db2:5432/sokoul", NULL},
    {"postgresql://other:four@db2:5432/sokoul?sslmode=require", NULL},
    {"postgresql://db2:5432/sokoul?sslmode=require",
     "postgresql://other:four@db2:5432/sokoul?sslmode=require"},
    {"postgresql://x:p@ss@db2:5432/sokoul?sslmode=require", "postgresql://db2:5432/sokoul?sslmode=require"},
    {"postgresql://x:five@db2:5432/sokoul?host=@", NULL},
};

/* part: S186 */
START_TEST(moved__knows_where_a_server_is_and_whether_it_is_the_same_one)
{
    ck_assert_str_eq(moved_look(first).now, first);
    ck_assert_ptr_null(moved_look(first).before);
    for (size_t i = 0; i < sizeof moves / sizeof moves[0]; i++)
    {
        const unsigned turn = moved_turn();
        ck_assert(moved_to(first, moves[i].now));
        ck_assert_uint_ne(moved_turn(), turn);
        const struct moved moved = moved_look(first);
        ck_assert_str_eq(moved.now, moves[i].now);
        ck_assert_msg((moved.before == NULL) == (moves[i].before == NULL), "%s", moves[i].now);
        if (moved.before != NULL)
            ck_assert_str_eq(moved.before, moves[i].before);
    }
}
END_TEST

START_TEST(moved__to_where_it_is_changes_nothing)
{
    const unsigned turn = moved_turn();
    ck_assert(moved_to("redis://a", "redis://a"));
    ck_assert_uint_eq(moved_turn(), turn);
    ck_assert_str_eq(moved_look("redis://b").now, "redis://b");
}
END_TEST

START_TEST(moved__has_room_for_so_many_servers)
{
    char url[64];
    for (int i = 0; i < MOVED_MAX; i++)
    {
        snprintf(url, sizeof url, "nats://server-%d", i);
        ck_assert(moved_to(url, "nats://one"));
    }
    ck_assert(!moved_to("nats://one-more", "nats://one"));
    ck_assert_str_eq(moved_look("nats://one-more").now, "nats://one-more");
}
END_TEST

int main(void)
{
    const struct suite_case cases[] = {{moved__knows_where_a_server_is_and_whether_it_is_the_same_one, 1},
                                       {moved__to_where_it_is_changes_nothing, 1},
                                       {moved__has_room_for_so_many_servers, 1}};
    return suite_run("moved", cases, sizeof cases / sizeof cases[0]);
}
