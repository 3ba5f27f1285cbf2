/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gunzip.h -- the door to zlib: for servers that send a gzipped file without announcing it.
 *
 * A body that is announced by Content-Encoding is unpacked by http.h already.  Pure; any thread.
 */
#ifndef SOKOUL_COMMON_HTTP_GUNZIP_H
#define SOKOUL_COMMON_HTTP_GUNZIP_H

#include <stdbool.h>
#include <stddef.h>

/* Whether the bytes begin as gzip does. */
bool gunzip_fits(const char *bytes, size_t len);

/* Unpacks into the caller's buffer.  False: the file is broken, cut, or unpacks to more than `size` bytes. */
bool gunzip(const char *bytes, size_t len, char *out, size_t size, size_t *out_len);

#endif
