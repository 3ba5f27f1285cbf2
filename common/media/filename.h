/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filename.h -- names of files that strangers chose.
 *
 * Two doors: filename_mend for what comes inside a torrent (the engine mends what is odd, so do we in
 * the same way; a hostile name there is an attack, not a slip), filename_clean for what a person uploads.
 *
 * Memory: the caller's.  Blocks never.  Any thread.
 */
#ifndef SOKOUL_COMMON_MEDIA_FILENAME_H
#define SOKOUL_COMMON_MEDIA_FILENAME_H

#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum
{
    FILENAME_MAX_LEN = 255,
    FILENAME_SIZE = FILENAME_MAX_LEN + 1
};

/*
 * One component of a path as libtorrent will have it on the disk: backslashes and marks that turn the
 * direction of writing (U+200E, U+200F, U+202A to U+202E) are left out, control characters and broken
 * UTF-8 become '_', of more than 240 bytes the middle goes and a short extension stays.  Valid UTF-8.
 * E_REFUSED, on purpose, where libtorrent would go on: slashes, NUL, DEL and U+0080 to U+009F, the marks
 * U+2066 to U+2069 which it would keep, ".", "..", and names of which nothing is left.
 */
MUST_USE enum err_code filename_mend(const char *name, size_t len, char mended[FILENAME_SIZE],
                                     struct err *err);

/* A name (or path) that a desktop would run on a double click: .exe, .scr, .lnk, ... */
bool filename_is_dangerous(const char *name);

/*
 * Makes a harmless single component: the part behind the last slash, without control
 * characters and marks that turn the direction of writing, no dots or blanks at either end, <>:"|?* become
 * '_', and a dangerous extension gets a '_' behind it.  "file" when nothing is left.
 */
void filename_clean(const char *name, char clean[FILENAME_SIZE]);

#endif
