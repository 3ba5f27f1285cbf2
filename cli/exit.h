/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exit.h -- from failures to exit statuses: the third translator (docs/CLI.md).
 *
 * Prints the failure as one line on stderr.  Any thread.
 */
#ifndef SOKOUL_CLI_EXIT_H
#define SOKOUL_CLI_EXIT_H

#include "common/base/err.h"

enum verdict
{
    VERDICT_GOOD,
    VERDICT_BAD /* the verb worked, its answer is no: a job Failed, a check did not pass */
};

int exit_status(enum err_code code, enum verdict verdict, const struct err *err);

#endif
