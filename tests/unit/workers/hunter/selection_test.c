/* SPDX-License-Identifier: Apache-2.0 */
#include "workers/hunter/selection.h"

#include "tests/support/suite.h"

START_TEST(selection__grows_by_what_each_download_wants)
{
    struct selection selection = {0};
    ck_assert(selection_add(&selection, "1,4"));
    ck_assert_uint_eq(selection.count, SELECTION_FILES);
    ck_assert_int_eq(selection.priority[0], 0);
    ck_assert_int_eq(selection.priority[1], SELECTION_NORMAL);
    ck_assert_int_eq(selection.priority[4], SELECTION_NORMAL);
    ck_assert(!selection_add(&selection, "4"));
    ck_assert(selection_add(&selection, "4,5"));
    ck_assert_int_eq(selection.priority[5], SELECTION_NORMAL);
    selection_fini(&selection);
}
END_TEST

START_TEST(selection__of_everything_needs_no_list_and_cannot_grow)
{
    struct selection selection = {0};
    ck_assert(selection_add(&selection, "2"));
    ck_assert(selection_add(&selection, NULL));
    ck_assert(selection.all);
    ck_assert_ptr_null(selection.priority);
    ck_assert_uint_eq(selection.count, 0);
    ck_assert(!selection_add(&selection, "3"));
    ck_assert(!selection_add(&selection, NULL));
    selection_fini(&selection);
}
END_TEST

static const char *const odd[] = {"x", "-1", "99999999999999999999", "50000", ",", "1x"};

START_TEST(selection__survives_odd_lists)
{
    struct selection selection = {0};
    selection_add(&selection, odd[_i]);
    ck_assert_uint_eq(selection.count, SELECTION_FILES);
    ck_assert_int_eq(selection.priority[0], 0);
    selection_fini(&selection);
}
END_TEST

int main(void)
{
    struct suite_case cases[] = {{selection__grows_by_what_each_download_wants, 1},
                                 {selection__of_everything_needs_no_list_and_cannot_grow, 1},
                                 {selection__survives_odd_lists, sizeof odd / sizeof odd[0]}};
    return suite_run("selection", cases, sizeof cases / sizeof cases[0]);
}
