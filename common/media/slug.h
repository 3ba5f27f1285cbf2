/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slug.h -- a title as a word for addresses: "Inception 2010" becomes "inception-2010".
 *
 * The result has only [a-z0-9] and single '-' between them.  Latin letters with accents are
 * folded ("Amélie" gives "amelie", "Straße" gives "strasse", also when the accent is a combining
 * mark), '&' is read as "and", apostrophes vanish ("Ocean's" gives "oceans"), everything else,
 * other scripts and broken UTF-8 included, separates words.  A text with nothing to keep gives "".
 *
 * Memory: the caller's.  Blocks never.  Any thread.
 */
#ifndef SOKOUL_COMMON_MEDIA_SLUG_H
#define SOKOUL_COMMON_MEDIA_SLUG_H

#include <stddef.h>

enum
{
    SLUG_MAX_LEN = 120,
    SLUG_SIZE = SLUG_MAX_LEN + 1
};

/* Writes at most size - 1 characters and a NUL, never ending in '-'; returns the length. */
size_t slug_make(char *slug, size_t size, const char *title);

/*
 * A title for comparing: the letters and digits of every script, nothing between them.  Latin is folded as
 * above, Greek and Cyrillic to small letters without accents, full-width signs to their plain forms; letters
 * of other scripts stay as they are.  Cut between characters; returns the length.
 */
size_t slug_fold(char *folded, size_t size, const char *title);

#endif
