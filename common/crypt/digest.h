/* SPDX-License-Identifier: Apache-2.0 */
/*
 * digest.h -- SHA-256, comparing without telling by time, wiping.
 *
 * Any thread; no shared state; never blocks.
 */
#ifndef SOKOUL_COMMON_CRYPT_DIGEST_H
#define SOKOUL_COMMON_CRYPT_DIGEST_H

#include "common/base/library.h"

#include <stdbool.h>
#include <stddef.h>

enum
{
    DIGEST_HEX_SIZE = 65
};

/* Lower-case hex, as it is stored. */
struct digest
{
    char hex[DIGEST_HEX_SIZE];
};

struct library digest_library(void);

struct digest digest_sha256(const void *bytes, size_t len);
bool digest_equal(const struct digest *a, const struct digest *b); /* in constant time */
/* Takes as long for the first wrong byte as for the last; the lengths are not secret. */
bool secret_equal(const void *a, size_t a_len, const void *b, size_t b_len);
/* Overwrites; not optimised away. */
void secret_wipe(void *bytes, size_t len);

#endif
