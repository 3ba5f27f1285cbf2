/* SPDX-License-Identifier: Apache-2.0 */
/*
 * library.h -- a foreign library: the version that a program was built with, and the one that it runs with.
 *
 * The door to a library makes one (db_library, …), common/probe/ground.h looks at them.  No memory, any
 * thread.
 */
#ifndef SOKOUL_COMMON_BASE_LIBRARY_H
#define SOKOUL_COMMON_BASE_LIBRARY_H

#include <stdbool.h>

struct library
{
    const char *name; /* "libpq" */
    char built[32];   /* "15.3" */
    char found[32];
    const char *lacks; /* what we need of it and it was made without; NULL: nothing */
};

typedef struct library library_of(void);

/* A library that is older than the one it was built with may lack what is called, or have faults that were
 * mended. */
bool library_is_older(const struct library *library);

#endif
