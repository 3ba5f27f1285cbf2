/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filename.h -- names of files that strangers chose.
 *
 * Two doors: filename_check refuses (what comes inside a torrent: a hostile name there is an
 * attack, not a slip), filename_clean repairs (what a person uploads).
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
 * One component of a path: not empty, not "." or "..", at most 255 bytes, no slash of either kind, no
 * NUL or other control character, no mark that turns the direction of writing.  E_REFUSED otherwise.
 */
MUST_USE enum err_code filename_check(const char *name, size_t len, struct err *err);

/* A name (or path) that a desktop would run on a double click: .exe, .scr, .lnk, ... */
bool filename_is_dangerous(const char *name);

/*
 * Makes a harmless single component: the part behind the last slash, without the characters that
 * filename_check refuses, no dots or blanks at either end, <>:"|?* become '_', and a dangerous
 * extension gets a '_' behind it.  "file" when nothing is left.
 */
void filename_clean(const char *name, char clean[FILENAME_SIZE]);

#endif
