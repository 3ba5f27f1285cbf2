/* SPDX-License-Identifier: Apache-2.0 */
#include "common/media/image.h"

#include "tests/support/suite.h"

#include <stdlib.h>
#include <string.h>

#define SIGNATURE "\x89PNG\r\n\x1a\n"
#define IHDR(size) "\0\0\0\x0dIHDR" size "\x08\0\0\0\0CRC0"
#define IDAT "\0\0\0\x02IDATzzCRC0"
#define IEND "\0\0\0\0IENDCRC0"
#define SIDES(w, h) "\0\0" w "\0\0" h
#define SOI "\xff\xd8"
#define APP0 "\xff\xe0\0\x04JF"
#define SOF(h, w) "\xff\xc0\0\x0b\x08" h w "\x01\x01\x11\0"
#define SOS "\xff\xda\0\x08\x01\x01\0\0\x3f\0"
#define DATA "\x12\x34\xff\0"
#define EOI "\xff\xd9"

#define ROW(code, width, height, bytes) {code, width, height, bytes, sizeof(bytes) - 1}

/* req: S167 */
static const struct
{
    enum err_code code;
    uint32_t width;
    uint32_t height;
    const char *bytes;
    size_t len;
} rows[] = {
    ROW(E_OK, 1, 2, SIGNATURE IHDR(SIDES("\0\1", "\0\2")) IDAT IEND),
    ROW(E_OK, 4096, 4096, SIGNATURE IHDR(SIDES("\x10\0", "\x10\0")) IDAT IDAT IEND),
    ROW(E_TOO_LARGE, 0, 0, SIGNATURE IHDR(SIDES("\x10\1", "\0\1")) IDAT IEND),
    ROW(E_TOO_LARGE, 0, 0, SIGNATURE IHDR(SIDES("\0\1", "\x10\1")) IDAT IEND),
    ROW(E_TOO_LARGE, 0, 0, SIGNATURE IHDR("\xff\xff\xff\xff\0\0\0\1") IDAT IEND),
    ROW(E_MEDIA_TYPE, 0, 0, SIGNATURE IHDR(SIDES("\0\0", "\0\2")) IDAT IEND),
    ROW(E_MEDIA_TYPE, 0, 0, SIGNATURE IHDR(SIDES("\0\1", "\0\2")) IEND),
    ROW(E_MEDIA_TYPE, 0, 0, SIGNATURE IHDR(SIDES("\0\1", "\0\2")) IDAT),
    ROW(E_MEDIA_TYPE, 0, 0, SIGNATURE IHDR(SIDES("\0\1", "\0\2")) IDAT IEND "<script>"),
    ROW(E_MEDIA_TYPE, 0, 0, SIGNATURE IHDR(SIDES("\0\1", "\0\2")) "\xff\xff\xff\xffIDAT" IEND),
    ROW(E_MEDIA_TYPE, 0, 0, SIGNATURE IDAT IEND "filled up to the least length"),
    ROW(E_MEDIA_TYPE, 0, 0, SIGNATURE),
    ROW(E_OK, 3, 258, SOI APP0 SOF("\1\2", "\0\3") SOS DATA EOI),
    ROW(E_OK, 3, 258, SOI "\xff" APP0 "\xff\xff" SOF("\1\2", "\0\3") SOS DATA EOI),
    ROW(E_TOO_LARGE, 0, 0, SOI SOF("\x10\1", "\0\3") SOS DATA EOI),
    ROW(E_MEDIA_TYPE, 0, 0, SOI APP0 SOS DATA EOI),
    ROW(E_MEDIA_TYPE, 0, 0, SOI SOF("\1\2", "\0\0") SOS DATA EOI),
    ROW(E_MEDIA_TYPE, 0, 0, SOI SOF("\0\0", "\0\3") SOS DATA EOI),
    ROW(E_MEDIA_TYPE, 0, 0, SOI SOF("\1\2", "\0\3") SOS DATA),
    ROW(E_MEDIA_TYPE, 0, 0, SOI SOF("\1\2", "\0\3") SOS DATA EOI "<?php"),
    ROW(E_MEDIA_TYPE, 0, 0, SOI SOF("\1\2", "\0\3") EOI),
    ROW(E_MEDIA_TYPE, 0, 0, SOI "\xff\xe0\xff\xff" EOI),
    ROW(E_MEDIA_TYPE, 0, 0, SOI "\xff\xe0\0\1" EOI),
    ROW(E_MEDIA_TYPE, 0, 0, SOI EOI),
    ROW(E_MEDIA_TYPE, 0, 0, SOI),
    ROW(E_MEDIA_TYPE, 0, 0, ""),
    ROW(E_MEDIA_TYPE, 0, 0, "GIF89a\1\0\1\0\0\0\0"),
    ROW(E_MEDIA_TYPE, 0, 0, "RIFF\x1a\0\0\0WEBPVP8 "),
    ROW(E_MEDIA_TYPE, 0, 0, "<svg xmlns=\"http://www.w3.org/2000/svg\"/>"),
    ROW(E_MEDIA_TYPE, 0, 0, "#!/bin/sh\necho not a picture, whatever its name\n"),
};

START_TEST(image__is_known_by_its_content_from_its_first_byte_to_its_last)
{
    struct image image = {0};
    char *bytes = malloc(rows[_i].len + 1); /* of its own size, so that a read past its end is found */
    memcpy(bytes, rows[_i].bytes, rows[_i].len);
    ck_assert_int_eq(image_look(bytes, rows[_i].len, &image, NULL), rows[_i].code);
    ck_assert_uint_eq(image.width, rows[_i].width);
    ck_assert_uint_eq(image.height, rows[_i].height);
    free(bytes);
}
END_TEST

/* Whatever is cut off at the end makes it another file. */
START_TEST(image__that_is_cut_short_is_none)
{
    struct image image;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (size_t len = 0; rows[i].code == E_OK && len < rows[i].len; len++)
        {
            char *bytes = malloc(len + 1);
            memcpy(bytes, rows[i].bytes, len);
            ck_assert_int_eq(image_look(bytes, len, &image, NULL), E_MEDIA_TYPE);
            free(bytes);
        }
}
END_TEST

int main(void)
{
    const struct suite_case cases[] = {
        {image__is_known_by_its_content_from_its_first_byte_to_its_last, sizeof rows / sizeof rows[0]},
        {image__that_is_cut_short_is_none, 1},
    };
    return suite_run("image", cases, sizeof cases / sizeof cases[0]);
}
