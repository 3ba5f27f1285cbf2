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

int main(void)
{
    struct suite_case cases[] = {
        {random__fills_every_byte_and_never_repeats, 1},
    };
    return suite_run("random", cases, sizeof cases / sizeof cases[0]);
}
