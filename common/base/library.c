/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/library.h"

#include <ctype.h>
#include <stdlib.h>

/* The next number of a version, and behind it; 0 at its end. */
static unsigned long next(const char **at)
{
    char *end = NULL;
    if (!isdigit((unsigned char)**at))
        return 0;
    unsigned long number = strtoul(*at, &end, 10);
    *at = *end == '.' ? end + 1 : end;
    return number;
}

/* Of dotted numbers: less than 0 when `one` is older than `other`, 0 for the same, else more than 0.  What
 * follows a number is not looked at: 3.0.11 and 3.0.11-rc1 are the same. */
static int compare(const char *one, const char *other)
{
    while (isdigit((unsigned char)*one) || isdigit((unsigned char)*other))
    {
        unsigned long mine = next(&one);
        unsigned long theirs = next(&other);
        if (mine != theirs)
            return mine < theirs ? -1 : 1;
    }
    return 0;
}

bool library_is_older(const struct library *library)
{
    return compare(library->found, library->built) < 0;
}
