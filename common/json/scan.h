/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan.h -- the strict look that every JSON text gets before cJSON sees it.
 *
 * cJSON takes 007, 1e999, \u0000, raw control characters, bad UTF-8 and any depth.  The scan
 * reads the RFC 8259 grammar once, left to right, without memory, and says what is wrong and
 * at which byte.  Duplicate keys are looked for in the finished tree (json.c), since two
 * spellings can name one key.  Blocks never, any thread.
 */
#ifndef SOKOUL_COMMON_JSON_SCAN_H
#define SOKOUL_COMMON_JSON_SCAN_H

#include "common/base/err.h"

#include <stddef.h>

enum
{
    SCAN_MAX_VALUES = 500000, /* a value costs cJSON 64 bytes and more: bounds memory by count */
    /* Digits of a number with its exponent written out, as Postgres does; so what it gives back passes again.
     */
    SCAN_MAX_DIGITS = 1000,
    SCAN_MAX_NUMBER = SCAN_MAX_DIGITS + 8 /* characters: signs, point, 'e' and the exponent's own */
};

enum scan_numbers
{
    SCAN_ALL_SMALL, /* number.h */
    SCAN_NOT_SMALL
};

MUST_USE enum err_code scan_json(const char *text, size_t len, enum scan_numbers *numbers, struct err *err);

#endif
