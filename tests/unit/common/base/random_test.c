/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/random.h"
#include "tests/support/suite.h"

#include <string.h>

START_TEST(random__fills_every_byte_and_never_repeats)
{
    unsigned char one[64] = {0};
    unsigned char two[64] = {0};
    random_bytes(one, sizeof one);
    random_bytes(two, sizeof two);
    ck_assert_mem_ne(one, two, sizeof one);
    unsigned char seen[64] = {0};
    for (int round = 0; round < 20; round++)
    {
        random_bytes(one, sizeof one);
        for (size_t i = 0; i < sizeof one; i++)
            seen[i] |= one[i];
    }
    for (size_t i = 0; i < sizeof seen; i++)
        ck_assert_uint_ne(seen[i], 0);
}
END_TEST

START_TEST(random__stays_below_its_limit_and_reaches_all)
{
    int hits[7] = {0};
    for (int i = 0; i < 7000; i++)
    {
        uint64_t value = random_below(7);
        ck_assert_uint_lt(value, 7);
        hits[value]++;
    }
    for (int i = 0; i < 7; i++)
        ck_assert_int_gt(hits[i], 700);
    ck_assert_uint_eq(random_below(1), 0);
}
END_TEST

int main(void)
{
    struct suite_case cases[] = {
        {random__fills_every_byte_and_never_repeats, 1},
        {random__stays_below_its_limit_and_reaches_all, 1},
    };
    return suite_run("random", cases, sizeof cases / sizeof cases[0]);
}
