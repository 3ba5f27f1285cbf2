/* SPDX-License-Identifier: Apache-2.0 */
/*
 * release_tags.h -- the words of release names and what they mean; part of release.c.
 *
 * A pattern is one to four lower-case words without accents; '#' at the end of a word stands for any
 * digits, none included ("ddp#" is ddp, ddp5, ddp51).  The table is in the order of strcmp, so that a
 * word is found by its first letters.  Strings are static.
 */
#ifndef SOKOUL_COMMON_MEDIA_RELEASE_TAGS_H
#define SOKOUL_COMMON_MEDIA_RELEASE_TAGS_H

#include <stddef.h>

enum release_field
{
    RELEASE_FIELD_RESOLUTION,
    RELEASE_FIELD_VAGUE_RESOLUTION, /* "4K", "UHD", a bare 720: one said in lines wins */
    RELEASE_FIELD_SOURCE,
    RELEASE_FIELD_CODEC,
    RELEASE_FIELD_AUDIO,
    RELEASE_FIELD_HDR,
    RELEASE_FIELD_LANGUAGE,
    RELEASE_FIELD_FLAG,
    RELEASE_FIELD_EDITION,
    RELEASE_FIELD_NOTHING, /* known, but says nothing that we keep */
    RELEASE_FIELD_SEASON,  /* the word before, or behind, the number of a season */
    RELEASE_FIELD_EPISODE,
    RELEASE_FIELD_EXTRA /* an opening, a trailer, a disc: no episode and not the whole film */
};

enum release_strength
{
    RELEASE_FAINT, /* means something only among other such words */
    RELEASE_WEAK,  /* may be a word of a title */
    RELEASE_STRONG /* ends the title */
};

struct release_tag
{
    const char *pattern;
    enum release_field field;
    int value;
    enum release_strength strength;
    const char *text; /* of an edition */
};

extern const struct release_tag release_tags[];
extern const size_t release_tag_count;

/* The first row whose pattern begins with the first letter of `word`, or where it would be. */
size_t release_tags_from(const char *word);

#endif
