/* SPDX-License-Identifier: Apache-2.0 */
/*
 * release_words.h -- a release name cut into words; part of release.c.
 *
 * Words are separated by blanks, dots, hyphens, brackets and the like; each remembers where it stood, so
 * that the title can be given back as it was written.  Full-width signs and the brackets of Chinese and
 * Japanese names are read as their plain forms; marks that are not seen vanish.
 */
#ifndef SOKOUL_COMMON_MEDIA_RELEASE_WORDS_H
#define SOKOUL_COMMON_MEDIA_RELEASE_WORDS_H

#include "common/media/release.h"
#include "common/media/release_tags.h"

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
    char text[WORD_SIZE]; /* lower case, without accents */
    size_t start;
    size_t end;
    enum word_place place;
    char joint; /* the most telling sign before it: '-', '~', '+', '&', ',', '/', '|', or ' ' */
    bool has_digit;
    bool after_dash;  /* '-' stands directly before it: "x264-GRP" */
    bool after_break; /* " - " stands before it */
    int tag;          /* row of release_tags that it belongs to, or RELEASE_NONE */
    int second;       /* of a word that is two: "BD1080p" */
    bool is_loud;     /* "Title.TS.Grp": surely a copy from a cinema, though no other word tells */
};

struct words
{
    char name[RELEASE_MAX_LEN + 1]; /* without the ending of a file */
    char group[RELEASE_GROUP_SIZE]; /* of a "[Group]" at the beginning */
    bool is_sample;                 /* "sample-name", "name-sample" */
    size_t first;                   /* where the title begins: behind "[1080p]" or "[Group]" */
    size_t count;
    struct word at[WORDS_MAX];
};

void words_read(struct words *words, const char *name);

/* Looks up every word in the table of tags. */
void words_mark(struct words *words);

/* What the word means; NULL when it is not in the table. */
const struct release_tag *words_tag(const struct words *words, size_t at);

/* Is it of that field? */
bool words_is(const struct words *words, size_t at, enum release_field field);

/* Is it a word that speaks of quality, language or edition? */
bool words_tells(const struct words *words, size_t at);

/* Does it say that a work is there as a whole? */
bool words_whole(const struct words *words, size_t at);

/* Does it end a title, wherever it stands? */
bool words_is_strong(const struct words *words, size_t at);

/* The text of a word; "" behind the last. */
const char *words_text(const struct words *words, size_t at);

/* Digits only, at most `max_digits` of them: the number; RELEASE_NONE otherwise. */
int word_number(const char *text, size_t max_digits);

/* A year that a release can be of; RELEASE_NONE otherwise. */
int word_year(const char *text);

#endif
