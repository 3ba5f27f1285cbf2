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

#include "common/base/clock.h"

#include <check.h>
#include <poll.h>
#include <stddef.h>

enum
{
    SUITE_SOON_MS = 40000,
    SUITE_LOOK_MS = 2
};

/* Waits until the expression is true. */
#define eventually(condition)                                                                                \
    do                                                                                                       \
    {                                                                                                        \
        const int64_t until_ms = clock_mono_ms() + SUITE_SOON_MS;                                            \
        while (!(condition) && clock_mono_ms() < until_ms)                                                   \
            poll(NULL, 0, SUITE_LOOK_MS);                                                                    \
        ck_assert_msg(condition, "within %d ms: %s", (int)SUITE_SOON_MS, #condition);                        \
    } while (0)

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
