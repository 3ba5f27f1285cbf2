/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mask.h -- takes what looks like a secret out of a text; used by the log alone.
 *
 * One pass from left to right, each rule of a table asked in order at each place:
 *
 *     a value given to mask_secret()                 ***
 *     eyJhbGciOiJIUzI1NiJ9.eyJzdWIi…  (a JWT)         eyJhbGciOi***
 *     sk_4f6b…                                       sk_...***
 *     postgres://user:password@host                  postgres://user:***@host
 *     password=…  token=…  "api_key":"…"             password=***  token=***  "api_key":"***"
 *
 * Better one word too many masked than one secret shown.  Secrets live once per process;
 * mask_secret may be called from any thread at any time, so may mask_text.  Never blocks.
 */
#ifndef SOKOUL_COMMON_BASE_MASK_H
#define SOKOUL_COMMON_BASE_MASK_H

#include <stddef.h>

enum
{
    MASK_SECRETS = 64,
    MASK_MIN_LEN = 8
};

/* Copied; shorter ones are not kept.  Past MASK_SECRETS the one that was given least recently gives way. */
void mask_secret(const char *secret);
size_t mask_longest(void); /* bytes of the longest secret given so far */

/* Writes the masked text, cut to size - 1 bytes and terminated; returns its length. */
size_t mask_text(const char *text, char *out, size_t size);

#endif
