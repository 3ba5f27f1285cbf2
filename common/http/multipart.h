/* SPDX-License-Identifier: Apache-2.0 */
/*
 * multipart.h -- the file in a body of multipart/form-data (RFC 7578): exactly one part, whatever it is
 * called.
 *
 * What its name, its file name and its Content-Type say is not read: they are the client's to choose.
 * Ownership: `file` borrows from the body.  No memory; never blocks; any thread.
 */
#ifndef SOKOUL_COMMON_HTTP_MULTIPART_H
#define SOKOUL_COMMON_HTTP_MULTIPART_H

#include "common/base/err.h"

#include <stddef.h>

enum
{
    MULTIPART_BOUNDARY_MAX = 70,
    MULTIPART_HEAD_MAX = 4096, /* the part's own header lines */
    MULTIPART_FRAME_MAX =
        MULTIPART_HEAD_MAX + 4 * MULTIPART_BOUNDARY_MAX /* a body is that much more than its file */
};

struct multipart_file
{
    const char *bytes;
    size_t len;
};

/* `content_type` is the request's, NULL when absent.  E_MEDIA_TYPE: it is no multipart/form-data; E_INVALID:
 * the body is not what it says. */
MUST_USE enum err_code multipart_file(const char *content_type, const char *body, size_t len,
                                      struct multipart_file *file, struct err *err);

#endif
