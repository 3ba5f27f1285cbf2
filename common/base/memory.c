/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/memory.h"

#include <malloc.h>

enum
{
    ARENAS = 2,
    LARGE_BYTES = 128 * 1024,
    TRIM_BYTES = 256 * 1024
};

void memory_tame(void)
{
    mallopt(M_ARENA_MAX, ARENAS);
    mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
    mallopt(M_TRIM_THRESHOLD, TRIM_BYTES);
}
