/* SPDX-License-Identifier: Apache-2.0 */
#include "api/budget.h"

#include "tests/support/suite.h"

#include <stdio.h>

static struct budget *budget;
static struct err err;

START_TEST(budget__gives_no_more_than_there_is_in_all)
{
    struct budget_share ada = {0}, bob = {0};
    budget = budget_new(100, 80);
    ck_assert_int_eq(budget_take(budget, "ada", 60, &ada, &err), E_OK);
    ck_assert_int_eq(budget_ask(budget, "bob", 40, &err), E_OK);
    ck_assert_int_eq(budget_take(budget, "bob", 41, &bob, &err), E_UNAVAILABLE);
    ck_assert_uint_gt(err.retry_after_s, 0);
    ck_assert_int_eq(budget_take(budget, "bob", 40, &bob, &err), E_OK);
    ck_assert_int_eq(budget_ask(budget, "cid", 1, &err), E_UNAVAILABLE);
    ck_assert_int_eq(budget_ask(budget, "ada", 21, &err), E_TOO_MANY); /* their own part comes first */
    budget_give(&ada);
    ck_assert_int_eq(budget_take(budget, "cid", 60, &ada, &err), E_OK);
    budget_give(&ada);
    budget_give(&bob);
    budget_free(budget);
}
END_TEST

START_TEST(budget__gives_each_their_part)
{
    struct budget_share first = {0}, second = {0};
    budget = budget_new(1000, 80);
    ck_assert_int_eq(budget_take(budget, "ada", 50, &first, &err), E_OK);
    ck_assert_int_eq(budget_take(budget, "ada", 30, &first, &err), E_OK);
    ck_assert_int_eq(budget_take(budget, "ada", 1, &second, &err), E_TOO_MANY);
    ck_assert_uint_gt(err.retry_after_s, 0);
    ck_assert_int_eq(budget_take(budget, "bob", 80, &second, &err), E_OK);
    budget_give(&first);
    budget_give(&first); /* of nothing */
    ck_assert_int_eq(budget_ask(budget, "ada", 80, &err), E_OK);
    budget_give(&second);
    budget_free(budget);
}
END_TEST

START_TEST(budget__gives_one_thing_that_is_larger_than_a_part)
{
    struct budget_share large = {0}, more = {0};
    budget = budget_new(1000, 80);
    ck_assert_int_eq(budget_take(budget, "ada", 900, &large, &err), E_OK);
    ck_assert_int_eq(budget_take(budget, "ada", 1, &more, &err), E_TOO_MANY);
    budget_give(&large);
    ck_assert_int_eq(budget_take(budget, "ada", 1001, &large, &err), E_UNAVAILABLE);
    budget_free(budget);
}
END_TEST

START_TEST(budget__forgets_who_holds_nothing)
{
    struct budget_share shares[3000] = {0};
    char name[24];
    budget = budget_new(1 << 20, 10);
    for (int round = 0; round < 3; round++)
    {
        for (int i = 0; i < 3000; i++)
        {
            snprintf(name, sizeof name, "user-%d", i);
            ck_assert_int_eq(budget_take(budget, name, 10, &shares[i], &err), E_OK);
        }
        for (int i = 0; i < 3000; i++)
            budget_give(&shares[(i * 7 + round) % 3000]);
    }
    ck_assert_int_eq(budget_ask(budget, "somebody", 1 << 20, &err), E_OK);
    budget_free(budget); /* the leak checker looks at the rest */
}
END_TEST

int main(void)
{
    const struct suite_case cases[] = {
        {budget__gives_no_more_than_there_is_in_all, 1},
        {budget__gives_each_their_part, 1},
        {budget__gives_one_thing_that_is_larger_than_a_part, 1},
        {budget__forgets_who_holds_nothing, 1},
    };
    return suite_run("budget", cases, sizeof cases / sizeof cases[0]);
}
