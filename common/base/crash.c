/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/crash.h"

#ifdef SOKOUL_CRASH_POINTS

#include "common/base/parse.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

void crash_point(const char *name)
{
    static atomic_int passed;
    const char *wanted = getenv("SOKOUL_CRASH_AT");
    size_t len = strlen(name);
    if (wanted == NULL || strncmp(wanted, name, len) != 0 || wanted[len] != ':')
        return;
    uint32_t nth = 0;
    if (!parse_u32(wanted + len + 1, &nth))
        return;
    if ((uint32_t)atomic_fetch_add(&passed, 1) + 1 == nth)
        raise(SIGKILL);
}

#else

typedef int crash_no_points; /* a file must not be empty */

#endif
