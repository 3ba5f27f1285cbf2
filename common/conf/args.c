/* SPDX-License-Identifier: Apache-2.0 */
#include "common/conf/args.h"

#include "common/base/err.h"

#include <stdio.h>
#include <string.h>

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

static void help(const char *program, const char *about)
{
    printf("Usage: %s [--env-file FILE]\n\n%s\n\n"
           "  --env-file FILE  read settings from FILE; the environment comes first\n"
           "  --version        print the version and end\n"
           "  --help           print this and end\n\n"
           "Settings are described in docs/CONFIG.md.\n",
           program, about);
}

static bool refuse(const char *program, const char *what, const char *arg, int *status)
{
    fprintf(stderr, "%s: %s %s; try --help\n", program, what, arg);
    *status = err_exit(E_USAGE);
    return false;
}

bool args_read(int argc, char **argv, const char *about, struct args *args, int *status)
{
    static const char with_value[] = "--env-file=";
    const char *program = argc > 0 ? base_name(argv[0]) : "sokoul";
    *args = (struct args){.env_file = NULL};
    *status = 0;
    for (int i = 1; i < argc; i++)
    {
        const char *arg = argv[i];
        if (strcmp(arg, "--help") == 0)
        {
            help(program, about);
            return false;
        }
        if (strcmp(arg, "--version") == 0)
        {
            printf("%s %s\n", program, SOKOUL_VERSION);
            return false;
        }
        if (strncmp(arg, with_value, sizeof with_value - 1) == 0)
            args->env_file = arg + sizeof with_value - 1;
        else if (strcmp(arg, "--env-file") != 0)
            return refuse(program, "unknown argument", arg, status);
        else if (++i == argc)
            return refuse(program, "a file is missing after", arg, status);
        else
            args->env_file = argv[i];
        if (args->env_file[0] == '\0')
            return refuse(program, "a file is missing after", "--env-file", status);
    }
    return true;
}
