/* SPDX-License-Identifier: Apache-2.0 */
/*
 * release_tags.h -- the words of release names and what they mean; part of release.c.
 *
 * A pattern is one to four lower-case words; '#' at the end of a word stands for any digits, none
 * included ("ddp#" is ddp, ddp5, ddp51).  Strings are static.
 */
#ifndef SOKOUL_COMMON_MEDIA_RELEASE_TAGS_H
#define SOKOUL_COMMON_MEDIA_RELEASE_TAGS_H

#include <stddef.h>

enum release_field
{
    RELEASE_FIELD_RESOLUTION,
    RELEASE_FIELD_SOURCE,
    RELEASE_FIELD_CODEC,
    RELEASE_FIELD_AUDIO,
    RELEASE_FIELD_HDR,
    RELEASE_FIELD_LANGUAGE,
    RELEASE_FIELD_FLAG,
    RELEASE_FIELD_EDITION,
    RELEASE_FIELD_NOTHING /* known, but says nothing that we keep */
};

enum release_strength
{
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

#endif
