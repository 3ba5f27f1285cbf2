/* SPDX-License-Identifier: Apache-2.0 */
/*
 * release_words.h -- a release name cut into words; part of release.c.
 *
 * Words are separated by blanks, dots, underscores, commas, hyphens and brackets; each
 * remembers where it stood, so that the title can be given back as it was written.
 */
#ifndef SOKOUL_COMMON_MEDIA_RELEASE_WORDS_H
#define SOKOUL_COMMON_MEDIA_RELEASE_WORDS_H

#include "common/media/release.h"

enum
{
    WORDS_MAX = 128,
    WORD_SIZE = 32 /* a longer word is kept cut: it matches nothing anyhow */
};

enum word_place
{
    WORD_FREE,
    WORD_ROUND,  /* ( ) */
    WORD_SQUARE, /* [ ] and { } */
};

struct word
{
    char text[WORD_SIZE]; /* lower case */
    size_t start;
    size_t end;
    enum word_place place;
    bool after_dash;  /* '-' stands directly before it: "x264-GRP" */
    bool after_break; /* " - " stands before it */
    int tag;          /* row of release_tags that it belongs to, or RELEASE_NONE */
};

struct words
{
    char name[RELEASE_MAX_LEN + 1]; /* without the ending of a file */
    char group[RELEASE_GROUP_SIZE]; /* of a "[Group]" at the beginning */
    bool is_sample;                 /* "sample-name", "name-sample" */
    size_t count;
    struct word at[WORDS_MAX];
};

void words_read(struct words *words, const char *name);

/* Digits only, at most `max_digits` of them: the number; RELEASE_NONE otherwise. */
int word_number(const char *text, size_t max_digits);

#endif
