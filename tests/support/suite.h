/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suite.h -- runs the cases of one test program.
 *
 *     struct suite_case cases[] = {{arena__gives_zeroed_memory, 1}, {slug__makes_words, ROWS}};
 *     return suite_run("arena", cases, sizeof cases / sizeof cases[0]);
 *
 * A case with n rows runs n times, with _i from 0 to n - 1.
 */
#ifndef SOKOUL_TESTS_SUPPORT_SUITE_H
#define SOKOUL_TESTS_SUPPORT_SUITE_H

#include <check.h>
#include <stddef.h>

struct suite_case
{
    const TTest *test;
    int rows;
};

int suite_run(const char *name, const struct suite_case *cases, size_t count); /* the exit status */

/* With what each case needs: setup and teardown run in its own process. */
int suite_run_with(const char *name, const struct suite_case *cases, size_t count, void (*setup)(void),
                   void (*teardown)(void));

#endif
