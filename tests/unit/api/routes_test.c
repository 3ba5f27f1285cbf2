/* SPDX-License-Identifier: Apache-2.0 */
/* What every row of the table has to keep to. */
#include "api/route.h"

#include "tests/support/suite.h"

/* Limits are counted on a lane's thread: what is answered before would not be. */
START_TEST(routes__what_is_answered_on_the_event_thread_is_free_and_nothing_else_is)
{
    for (size_t i = 0; i < routes.count; i++)
        ck_assert_msg((routes.rows[i].lane == LANE_EVENT) == ((routes.rows[i].flags & ROUTE_FREE) != 0), "%s",
                      routes.rows[i].pattern);
}
END_TEST

START_TEST(routes__what_counts_as_a_search_is_for_users)
{
    int searches = 0;
    for (size_t i = 0; i < routes.count; i++)
    {
        ck_assert(routes.rows[i].limit == LIMIT_BY_WHO || routes.rows[i].who == WHO_USER);
        searches += routes.rows[i].limit == LIMIT_SEARCH;
    }
    ck_assert_int_eq(searches, 3);
}
END_TEST

int main(void)
{
    const struct suite_case cases[] = {
        {routes__what_is_answered_on_the_event_thread_is_free_and_nothing_else_is, 1},
        {routes__what_counts_as_a_search_is_for_users, 1},
    };
    return suite_run("routes", cases, sizeof cases / sizeof cases[0]);
}
