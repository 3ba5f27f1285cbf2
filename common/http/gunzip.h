/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gunzip.h -- the door to zlib: for servers that send a gzipped file and do not say so.
 *
 * What is announced as Content-Encoding is unpacked by http.h already.  Pure; any thread.
 */
#ifndef SOKOUL_COMMON_HTTP_GUNZIP_H
#define SOKOUL_COMMON_HTTP_GUNZIP_H

#include <stdbool.h>
#include <stddef.h>

/* Whether it begins as gzip does. */
bool gunzip_fits(const char *bytes, size_t len);

/* Unpacked into a buffer of the caller.  Returns false when it is broken, cut, or more than `size` bytes. */
bool gunzip(const char *bytes, size_t len, char *out, size_t size, size_t *out_len);

#endif
