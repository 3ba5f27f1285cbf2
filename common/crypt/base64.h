/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base64.h -- base64url without padding (RFC 4648, section 5), as tokens use it.
 *
 * Strict: no other characters, no padding, and the unused bits of the last character are zero,
 * so that one value has one spelling.  No memory, any thread.
 */
#ifndef SOKOUL_COMMON_CRYPT_BASE64_H
#define SOKOUL_COMMON_CRYPT_BASE64_H

#include <stdbool.h>
#include <stddef.h>

#define BASE64_TEXT_LEN(bytes) (((bytes) * 4 + 2) / 3)

/* Writes BASE64_TEXT_LEN(len) characters and a NUL. */
void base64_encode(const void *bytes, size_t len, char *text);
/* False: not base64url, or more than `size` bytes. */
bool base64_decode(const char *text, size_t text_len, void *out, size_t size, size_t *len);

#endif
