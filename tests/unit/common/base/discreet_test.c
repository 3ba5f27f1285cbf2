/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/discreet.h"

#include "tests/support/suite.h"

#include <sys/resource.h>
#include <sys/stat.h>

START_TEST(discreet__leaves_no_core_and_no_file_for_the_world)
{
    struct rlimit limit;
    umask(0022);
    discreet_begin();
    ck_assert_int_eq(getrlimit(RLIMIT_CORE, &limit), 0);
    ck_assert_uint_eq(limit.rlim_cur, 0);
    ck_assert_uint_eq(limit.rlim_max, 0);
    ck_assert_uint_eq(umask(0077), 0027);
    discreet_begin();
    ck_assert_uint_eq(umask(0), 0077);
}
END_TEST

int main(void)
{
    const struct suite_case cases[] = {{discreet__leaves_no_core_and_no_file_for_the_world, 1}};
    return suite_run("discreet", cases, sizeof cases / sizeof cases[0]);
}
