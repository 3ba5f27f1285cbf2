/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image.h -- what an image is, by its content: PNG or JPEG, and how large.
 *
 * Only frames are walked, nothing is decoded: the chunks of a PNG from its header to its end, the segments of
 * a JPEG to where its data begin.  A file must end where the image does, so that it cannot be something else
 * as well. No memory; never blocks; any thread.
 */
#ifndef SOKOUL_COMMON_MEDIA_IMAGE_H
#define SOKOUL_COMMON_MEDIA_IMAGE_H

#include "common/base/err.h"

#include <stddef.h>
#include <stdint.h>

enum
{
    IMAGE_MAX_SIDE = 4096 /* pixels */
};

struct image
{
    const char *type; /* "image/png" or "image/jpeg" */
    uint32_t width;
    uint32_t height;
};

/* E_MEDIA_TYPE: neither of the two, or a broken one; E_TOO_LARGE: a side over IMAGE_MAX_SIDE. */
MUST_USE enum err_code image_look(const void *bytes, size_t len, struct image *image, struct err *err);

#endif
