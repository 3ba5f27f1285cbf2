/* SPDX-License-Identifier: Apache-2.0 */
/*
 * size.h -- a number of bytes for people: "1.5 GB".
 *
 * The base is 1024 with the names people know (1 KB is 1024 bytes).  Bytes are whole; from KB on
 * there is one decimal, rounded to nearest with halves up, and ".0" is left out: "1023 B",
 * "1 KB", "1.5 GB", "8 EB".  What would round to 1024 of a unit is 1 of the next.
 *
 * Memory: the caller's.  Blocks never.  Any thread.
 */
#ifndef SOKOUL_COMMON_MEDIA_SIZE_H
#define SOKOUL_COMMON_MEDIA_SIZE_H

#include <stdint.h>

enum
{
    SIZE_TEXT_SIZE = 16
};

void size_format(uint64_t bytes, char text[SIZE_TEXT_SIZE]);

#endif
