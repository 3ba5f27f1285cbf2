/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/suite.h"

#include <stdlib.h>

int suite_run_with(const char *name, const struct suite_case *cases, size_t count, void (*setup)(void),
                   void (*teardown)(void))
{
    enum
    {
        CASE_TIMEOUT_S = 60
    };
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);
    tcase_set_timeout(tcase, CASE_TIMEOUT_S);
    tcase_add_checked_fixture(tcase, setup, teardown);
    for (size_t i = 0; i < count; i++)
        tcase_add_loop_test(tcase, cases[i].test, 0, cases[i].rows);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int suite_run(const char *name, const struct suite_case *cases, size_t count)
{
    return suite_run_with(name, cases, count, NULL, NULL);
}
