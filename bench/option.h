/* SPDX-License-Identifier: Apache-2.0 */
/*
 * option.h -- options of the bench's programs, "--name value", and the few things they all do.
 *
 * A program of the bench is a short main(): it reads options, measures one thing and prints one
 * line of JSON on stdout.  What goes wrong ends it with a sentence on stderr and status 1.
 */
#ifndef SOKOUL_BENCH_OPTION_H
#define SOKOUL_BENCH_OPTION_H

#include "common/base/err.h"

#include <stddef.h>
#include <stdint.h>
#include <stdnoreturn.h>

struct options
{
    int argc;
    char **argv;
};

/* The value that follows `name`, or `otherwise`. */
const char *option_text(const struct options *options, const char *name, const char *otherwise);
int64_t option_int(const struct options *options, const char *name, int64_t otherwise);

/* Ends the program when `code` is a failure. */
void must(enum err_code code, const struct err *err);
noreturn void give_up(const char *what);

/* A sorted list's value below which a share of it lies; 0 for an empty list. */
int64_t percentile(const int64_t *sorted, size_t count, double share);
void sort_times(int64_t *times, size_t count);

#endif
