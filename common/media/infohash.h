/* SPDX-License-Identifier: Apache-2.0 */
/*
 * infohash.h -- what names a torrent: the SHA-1 (version 1) or SHA-256 (version 2) of its info
 * dictionary, as lower-case hexadecimal text.  Hybrid torrents have both; "" where there is none.
 *
 * The only file that knows libcrypto.  Memory: the caller's.  Blocks never.  Any thread.
 */
#ifndef SOKOUL_COMMON_MEDIA_INFOHASH_H
#define SOKOUL_COMMON_MEDIA_INFOHASH_H

#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum
{
    INFOHASH_V1_SIZE = 41,
    INFOHASH_V2_SIZE = 65,
    INFOHASH_V2_BYTES = 32
};

struct infohash
{
    char v1[INFOHASH_V1_SIZE];
    char v2[INFOHASH_V2_SIZE];
};

/* The hash of exactly these bytes; E_UNAVAILABLE when the system's cryptography refuses to work. */
MUST_USE enum err_code infohash_v1_of(const void *info, size_t len, struct infohash *hash, struct err *err);
MUST_USE enum err_code infohash_v2_of(const void *info, size_t len, struct infohash *hash, struct err *err);

/* The hash of two hashes of version 2 side by side, a step up in a tree of them; `to` may be one of the two.
 * False as E_UNAVAILABLE above. */
MUST_USE bool infohash_v2_join(const char left[INFOHASH_V2_BYTES], const char right[INFOHASH_V2_BYTES],
                               char to[INFOHASH_V2_BYTES]);

/*
 * Reads a hash as people paste it, any case: 40 hexadecimal digits or 32 of base32 (version 1), 64
 * hexadecimal digits, or 68 with the multihash prefix 1220 (version 2).  Sets that version and
 * leaves the other alone.  False: none of these, nothing is written.
 */
bool infohash_parse(const char *text, size_t len, struct infohash *hash);

#endif
