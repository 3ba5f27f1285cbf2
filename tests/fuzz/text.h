/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text.h -- what a fuzzer brings, as a text of C.
 */
#ifndef SOKOUL_TESTS_FUZZ_TEXT_H
#define SOKOUL_TESTS_FUZZ_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* With a NUL behind it, in memory of its own size, so that a read past its end is found; the caller frees. */
static inline char *fuzz_text(const uint8_t *bytes, size_t len)
{
    char *text = malloc(len + 1);
    if (text == NULL)
        abort();
    if (len > 0)
        memcpy(text, bytes, len);
    text[len] = '\0';
    return text;
}

#endif
