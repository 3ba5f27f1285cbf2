/* SPDX-License-Identifier: Apache-2.0 */
/* An upload: the file in its multipart body, and what the file is. */
#include "common/http/multipart.h"
#include "common/media/image.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct multipart_file file;
    struct image image;
    if (image_look(bytes, len, &image, NULL) == E_OK && (image.width > IMAGE_MAX_SIDE || image.height == 0))
        abort();
    if (multipart_file("multipart/form-data; boundary=x", (const char *)bytes, len, &file, NULL) != E_OK)
        return 0;
    if (file.bytes < (const char *)bytes || file.len > len ||
        file.bytes + file.len > (const char *)bytes + len)
        abort();
    return image_look(file.bytes, file.len, &image, NULL) == E_OK && image.width > IMAGE_MAX_SIDE ? 1 : 0;
}
