/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/leftovers.h"

#include "tests/support/suite.h"

#include <sys/resource.h>
#include <sys/stat.h>

START_TEST(leftovers__have_no_core_and_no_file_for_the_world)
{
    struct rlimit limit;
    umask(0022);
    leftovers_limit();
    ck_assert_int_eq(getrlimit(RLIMIT_CORE, &limit), 0);
    ck_assert_uint_eq(limit.rlim_cur, 0);
    ck_assert_uint_eq(limit.rlim_max, 0);
    ck_assert_uint_eq(umask(0077), 0027);
    leftovers_limit();
    ck_assert_uint_eq(umask(0), 0077);
}
END_TEST

int main(void)
{
    const struct suite_case cases[] = {{leftovers__have_no_core_and_no_file_for_the_world, 1}};
    return suite_run("leftovers", cases, sizeof cases / sizeof cases[0]);
}
