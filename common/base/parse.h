/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parse.h -- strict numbers from text: the whole text, decimal digits, no blanks, no plus
 * sign, no overflow.  Out parameters are written on success only.  Any thread.
 */
#ifndef SOKOUL_COMMON_BASE_PARSE_H
#define SOKOUL_COMMON_BASE_PARSE_H

#include <stdbool.h>
#include <stdint.h>

bool parse_u32(const char *text, uint32_t *value);
bool parse_i64(const char *text, int64_t *value); /* one leading '-' allowed */
bool parse_bool(const char *text, bool *value);   /* true, false, 1, 0, yes, no */

#endif
