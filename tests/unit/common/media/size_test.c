/* SPDX-License-Identifier: Apache-2.0 */
#include "common/media/size.h"

#include <check.h>
#include <stdlib.h>

#define KI UINT64_C(1024)
#define MI (KI * KI)
#define GI (MI * KI)
#define TI (GI * KI)
#define PI (TI * KI)
#define EI (PI * KI)

/* req: S38 */
static const struct
{
    uint64_t bytes;
    const char *text;
} rows[] = {
    {0, "0 B"},
    {1, "1 B"},
    {1023, "1023 B"},
    {KI, "1 KB"},
    {KI + 512, "1.5 KB"},
    {KI + 51, "1 KB"},
    {KI + 52, "1.1 KB"},
    {10 * KI, "10 KB"},
    {1023 * KI, "1023 KB"},
    {MI - 1, "1 MB"},
    {MI - 52, "1023.9 KB"},
    {MI, "1 MB"},
    {GI - 1, "1 GB"},
    {GI, "1 GB"},
    {GI + GI / 2, "1.5 GB"},
    {734003200, "700 MB"},
    {TI, "1 TB"},
    {PI, "1 PB"},
    {EI - 1, "1 EB"},
    {EI, "1 EB"},
    {EI + EI / 4, "1.3 EB"},
    {UINT64_C(1) << 63, "8 EB"},
    {UINT64_MAX, "16 EB"},
};

START_TEST(size__is_readable)
{
    char text[SIZE_TEXT_SIZE];
    size_format(rows[_i].bytes, text);
    ck_assert_str_eq(text, rows[_i].text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("size");
    TCase *tc = tcase_create("size");
    tcase_add_loop_test(tc, size__is_readable, 0, sizeof rows / sizeof rows[0]);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
