/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/lines.h"

#include "bench/option.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *lines_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0)
        give_up(path);
    long size = ftell(file);
    rewind(file);
    char *text = calloc(1, (size_t)size + 1);
    if (text == NULL || fread(text, 1, (size_t)size, file) != (size_t)size)
        give_up(path);
    fclose(file);
    return text;
}

struct lines lines_read(const char *path)
{
    struct lines lines = {0};
    if (path == NULL)
        return lines;
    lines.text = lines_file(path);
    for (char *at = lines.text; *at != '\0';)
    {
        lines.line = realloc(lines.line, (lines.count + 1) * sizeof *lines.line);
        if (lines.line == NULL)
            give_up("out of memory");
        lines.line[lines.count++] = at;
        at += strcspn(at, "\n");
        if (*at == '\n')
            *at++ = '\0';
    }
    return lines;
}
