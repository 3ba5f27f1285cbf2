/* SPDX-License-Identifier: Apache-2.0 */
/*
 * args.h -- the command line of the daemons: --env-file FILE, --version, --help.
 *
 *     struct args args;
 *     int status = 0;
 *     if (!args_read(argc, argv, "Finds titles and releases.", &args, &status))
 *         return status;                    0 after --help or --version, 64 on anything else
 *
 * Prints help and version on stdout, complaints on stderr.  Call it first, from main().
 */
#ifndef SOKOUL_COMMON_CONF_ARGS_H
#define SOKOUL_COMMON_CONF_ARGS_H

#include <stdbool.h>

struct args
{
    const char *env_file; /* borrowed from argv; NULL when not given */
};

bool args_read(int argc, char **argv, const char *about, struct args *args, int *status);

#endif
