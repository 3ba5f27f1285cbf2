/* SPDX-License-Identifier: Apache-2.0 */
/*
 * release_number.h -- seasons, episodes and days in a release name; part of release.c.
 *
 * A style of numbering looks at the words from `at` on, fills the fields of `release`, and says how many
 * words it takes; 0 when they are not of this style, and then nothing is filled.
 */
#ifndef SOKOUL_COMMON_MEDIA_RELEASE_NUMBER_H
#define SOKOUL_COMMON_MEDIA_RELEASE_NUMBER_H

#include "common/media/release_words.h"

/* Which words the numbers take; both are words->count when there are none. */
struct numbers
{
    size_t at;
    size_t end;
};

typedef size_t number_style(const struct words *words, size_t at, struct release_name *release);

/* Looks for a season, an episode or a day, and fills the fields. */
struct numbers release_read_numbers(const struct words *words, struct release_name *release);

/* ---- styles that name a season: release_season.c ---- */
number_style release_read_s00e00; /* "S02E05", "S02", "S01-S03", "S2 - 05" */
number_style release_read_0x00;   /* "2x05", "2016x231" */
number_style release_read_season; /* "Season 2 Episode 5", "2. Staffel" */
number_style release_read_tied;   /* "title-02_05" */

/* An episode behind a season: "E05", "- 15", "[05]"; `at` may be behind the last word. */
number_style release_read_behind;

/* ---- release_counted.c ---- */
number_style release_read_counted; /* "第2季", "第01-15集" */

/* ---- styles of single episodes: release_episode.c ---- */
number_style release_read_episode; /* "E05", "Episode 5", "5 of 9" */

/* ---- numbers that stand alone: release_lone.c ---- */
number_style release_read_dash;  /* "Title - 05", "Title (01-12)" */
number_style release_read_bare;  /* "[Group] Title 05 [1080p]", "[Group][Title][05]" */
number_style release_read_aired; /* "title.103.hdtv" */

/* ---- release_extra.c ---- */
number_style release_read_half;   /* "Title - 12.5" */
number_style release_read_extra;  /* "Title - NCOP", "Title Vol.3" */
number_style release_read_padded; /* "Title 05 Words", "Title 445 VOSTFR" */
number_style release_read_dotted; /* "Title - 6.01", "[5.01] Title" */
number_style release_read_dated;  /* "Title 2018 06 720p" */

/* Is it "6.01" at `at`, or "#6.1" behind season 6: season and episode?  Fills both. */
bool number_read_pair(const struct words *words, size_t at, struct release_name *release);

/* Does a word of quality stand before it? */
bool number_follows_quality(const struct words *words, size_t at);

/* Is it "12.5", of which the point makes two words? */
bool number_is_half(const struct words *words, size_t at);

/* Adds an episode: the first is the first, a later one the last. */
void release_add_episode(struct release_name *release, int episode);

/* "a" behind a number: a part of the episode. */
bool number_is_piece(const char *rest);

/* The end of an ordinal, which stands behind a number as a word of its own: "5-й", "5-го", "10 th". */
bool number_has_tail(const struct words *words, size_t at);

/* "v2" behind a number is a corrected release. */
bool number_is_version(const char *rest);
void release_add_version(struct release_name *release, const char *rest);

/* What follows an episode: "e06" glued to it in `rest`, "-E07", "-07", "and 8"; how many more words. */
size_t release_more_episodes(const struct words *words, size_t next, const char *rest,
                             struct release_name *release);

/* The number behind letters, and what follows it: "s02e05" with "s" is 2, and "e05" is left. */
int number_behind(const char *text, const char *letters, size_t max_digits, const char **rest);

/* "one" .. "ten", "un" .. "dix", "i" .. "x"; RELEASE_NONE otherwise. */
int number_named(const char *text);

/* A word of digits that means nothing else; RELEASE_NONE otherwise. */
int number_at(const struct words *words, size_t at, size_t max_digits);

/* Is the word before `at` the last of what it says: a tag, a bracket, a break or the end follows? */
bool number_ends_at(const struct words *words, size_t at);

/* "to", "and" and the like between two numbers. */
bool number_joins(const struct words *words, size_t at);

#endif
