/* SPDX-License-Identifier: Apache-2.0 */
/* Swarms of processes need the engine as a program: with arguments this test is that program. */
#include "tests/support/engine_node.h"
#include "workers/hunter/engine/engine.h"

#include <check.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

START_TEST(engine_state_name__names_each_state)
{
    for (int i = 0; i < ENGINE_STATE_COUNT; i++)
        ck_assert_str_ne(engine_state_name((enum engine_state)i), "unknown");
    ck_assert_str_eq(engine_state_name(ENGINE_STATE_COUNT), "unknown");
}
END_TEST

int main(int argc, char **argv)
{
    setlocale(LC_CTYPE, "C.UTF-8"); /* as sokoul-hunter has it */
    if (argc > 1 && strcmp(argv[1], "node") == 0)
        return engine_node_main(argc - 2, argv + 2);
    Suite *suite = suite_create("engine node");
    TCase *all = tcase_create("names");
    tcase_add_test(all, engine_state_name__names_each_state);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
