/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the files that are generated from tables: gen FOLDER.  Called by `make docs`. */
#include "common/conf/conf.h"

#include <stdio.h>
#include <stdlib.h>

static const struct
{
    const char *path;
    bool (*write)(FILE *out);
} files[] = {
    {".env.example", conf_write_example},
    {"docs/CONFIG.md", conf_write_markdown},
};

static bool generate(const char *folder, const char *name, bool (*write)(FILE *out))
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *out = fopen(path, "we");
    if (out == NULL)
        return false;
    bool written = write(out);
    return fclose(out) == 0 && written;
}

int main(int argc, char **argv)
{
    if (argc != 2)
    {
        fprintf(stderr, "usage: gen FOLDER\n");
        return 64;
    }
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
    {
        if (generate(argv[1], files[i].path, files[i].write))
            continue;
        fprintf(stderr, "gen: cannot write %s/%s\n", argv[1], files[i].path);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
