/* SPDX-License-Identifier: Apache-2.0 */
#include "common/media/image.h"

#include <stdbool.h>
#include <string.h>

enum
{
    PNG_SIGNATURE = 8,
    PNG_FRAME = 12, /* length, name and checksum of a chunk */
    PNG_IHDR = 13,
    JPEG_SOI = 0xd8,
    JPEG_EOI = 0xd9,
    JPEG_SOS = 0xda
};

static uint32_t be16(const unsigned char *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t be32(const unsigned char *at)
{
    return be16(at) << 16 | be16(at + 2);
}

/* Chunk by chunk; the last is IEND, and the file ends with it. */
static bool walk_png(const unsigned char *bytes, size_t len, struct image *image)
{
    size_t at = PNG_SIGNATURE;
    bool has_data = false;
    if (len < PNG_SIGNATURE + PNG_FRAME + PNG_IHDR || be32(bytes + at) != PNG_IHDR ||
        memcmp(bytes + at + 4, "IHDR", 4) != 0)
        return false;
    *image = (struct image){"image/png", be32(bytes + at + 8), be32(bytes + at + 12)};
    while (len - at >= PNG_FRAME)
    {
        const uint32_t size = be32(bytes + at);
        const unsigned char *name = bytes + at + 4;
        if (size > len - at - PNG_FRAME)
            return false;
        at += size + PNG_FRAME;
        has_data = has_data || memcmp(name, "IDAT", 4) == 0;
        if (memcmp(name, "IEND", 4) == 0)
            return has_data && size == 0 && at == len;
    }
    return false;
}

static bool is_frame(unsigned char marker)
{
    return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

/* Segment by segment until the data begin; what follows is theirs, and the file ends with the end of the
 * image. */
static bool walk_jpeg(const unsigned char *bytes, size_t len, struct image *image)
{
    size_t at = 2;
    *image = (struct image){.type = "image/jpeg"};
    while (len - at >= 4 && bytes[at] == 0xff)
    {
        const unsigned char marker = bytes[at + 1];
        const size_t size = be16(bytes + at + 2);
        if (marker == 0xff) /* a filler */
        {
            at++;
            continue;
        }
        if (marker < 0xc0 || (marker >= 0xd0 && marker <= JPEG_EOI) || size < 2 || size > len - at - 2)
            return false;
        if (marker == JPEG_SOS)
            return image->width > 0 && bytes[len - 2] == 0xff && bytes[len - 1] == JPEG_EOI;
        if (is_frame(marker) && size >= 8)
        {
            image->height = be16(bytes + at + 5);
            image->width = be16(bytes + at + 7);
        }
        at += 2 + size;
    }
    return false;
}

enum err_code image_look(const void *of, size_t len, struct image *image, struct err *err)
{
    static const unsigned char png[PNG_SIGNATURE] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    const unsigned char *bytes = of;
    struct image seen = {0};
    bool good = false;
    if (len >= sizeof png && memcmp(bytes, png, sizeof png) == 0)
        good = walk_png(bytes, len, &seen);
    else if (len >= 4 && bytes[0] == 0xff && bytes[1] == JPEG_SOI)
        good = walk_jpeg(bytes, len, &seen);
    if (!good || seen.width == 0 || seen.height == 0)
        return fail(err, E_MEDIA_TYPE, "the file must be a JPEG or PNG image");
    if (seen.width > IMAGE_MAX_SIDE || seen.height > IMAGE_MAX_SIDE)
        return fail(err, E_TOO_LARGE, "the image may have %d pixels on a side", IMAGE_MAX_SIDE);
    *image = seen;
    return E_OK;
}
