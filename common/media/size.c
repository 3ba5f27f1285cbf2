/* SPDX-License-Identifier: Apache-2.0 */
#include "common/media/size.h"

#include <stdio.h>

static const char *const units[] = {"B", "KB", "MB", "GB", "TB", "PB", "EB"};

/* Tenths of 2^(10 * unit) bytes, rounded to nearest; whole and rest apart, so that nothing overflows. */
static uint64_t tenths_of(uint64_t bytes, unsigned unit)
{
    unsigned shift = 10 * unit;
    uint64_t whole = bytes >> shift;
    uint64_t rest = bytes & ((UINT64_C(1) << shift) - 1);
    if (shift > 50)
    { /* ten times the rest would not fit: what is shifted out is far less than a tenth */
        rest >>= 10;
        shift -= 10;
    }
    return whole * 10 + ((rest * 10 + (UINT64_C(1) << (shift - 1))) >> shift);
}

void size_format(uint64_t bytes, char text[SIZE_TEXT_SIZE])
{
    if (bytes < 1024)
    {
        snprintf(text, SIZE_TEXT_SIZE, "%u B", (unsigned)bytes);
        return;
    }
    unsigned unit = 1;
    uint64_t tenths = tenths_of(bytes, unit);
    while (tenths >= 10240 && unit + 1 < sizeof units / sizeof units[0])
        tenths = tenths_of(bytes, ++unit);
    unsigned whole = (unsigned)(tenths / 10) % 1024; /* no more anyhow; tells the compiler that it fits */
    unsigned tenth = (unsigned)(tenths % 10);
    if (tenth == 0)
        snprintf(text, SIZE_TEXT_SIZE, "%u %s", whole, units[unit]);
    else
        snprintf(text, SIZE_TEXT_SIZE, "%u.%u %s", whole, tenth, units[unit]);
}
