/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/option.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *option_text(const struct options *options, const char *name, const char *otherwise)
{
    for (int i = 1; i + 1 < options->argc; i++)
        if (strcmp(options->argv[i], name) == 0)
            return options->argv[i + 1];
    return otherwise;
}

int64_t option_int(const struct options *options, const char *name, int64_t otherwise)
{
    const char *text = option_text(options, name, NULL);
    return text != NULL ? strtoll(text, NULL, 10) : otherwise;
}

void must(enum err_code code, const struct err *err)
{
    if (code != E_OK)
        give_up(err->text);
}

void give_up(const char *what)
{
    fprintf(stderr, "bench: %s%s%s\n", what, errno != 0 ? ": " : "", errno != 0 ? strerror(errno) : "");
    exit(1);
}

int64_t percentile(const int64_t *sorted, size_t count, double share)
{
    if (count == 0)
        return 0;
    size_t at = (size_t)((double)count * share);
    return sorted[at < count ? at : count - 1];
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

void sort_times(int64_t *times, size_t count)
{
    qsort(times, count, sizeof *times, by_value);
}
