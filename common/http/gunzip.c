/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http/gunzip.h"

#include <stdint.h>
#include <string.h>
#define ZLIB_CONST
#include <zlib.h>

bool gunzip_fits(const char *bytes, size_t len)
{
    return len > 2 && memcmp(bytes, "\x1f\x8b", 2) == 0;
}

bool gunzip(const char *bytes, size_t len, char *out, size_t size, size_t *out_len)
{
    enum
    {
        GZIP_ONLY = 16 + MAX_WBITS
    };
    z_stream stream = {.next_in = (const Bytef *)bytes,
                       .avail_in = (uInt)len,
                       .next_out = (Bytef *)out,
                       .avail_out = (uInt)size};
    if (len > UINT32_MAX || size > UINT32_MAX || inflateInit2(&stream, GZIP_ONLY) != Z_OK)
        return false;
    bool is_whole = inflate(&stream, Z_FINISH) == Z_STREAM_END;
    *out_len = (size_t)stream.total_out;
    inflateEnd(&stream);
    return is_whole;
}
