/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lines.h -- files that the bench's programs are given, read whole; what cannot be read ends the program.
 *
 * What is read is kept until the end of the program.
 */
#ifndef SOKOUL_BENCH_LINES_H
#define SOKOUL_BENCH_LINES_H

#include <stddef.h>

struct lines
{
    char *text;
    char **line;
    size_t count;
};

char *lines_file(const char *path);
struct lines lines_read(const char *path); /* NULL: none */

#endif
