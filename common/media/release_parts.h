/* SPDX-License-Identifier: Apache-2.0 */
/*
 * release_parts.h -- which words of a release name are its title, and which speak of quality; part of
 * release.c.
 */
#ifndef SOKOUL_COMMON_MEDIA_RELEASE_PARTS_H
#define SOKOUL_COMMON_MEDIA_RELEASE_PARTS_H

#include "common/media/release_words.h"

/* Where the name speaks of what: the title, perhaps an episode's title, and then the quality. */
struct parts
{
    size_t title_end;
    size_t numbers_end; /* behind the numbers; title_end when there are none */
    size_t quality;     /* the first strong word behind the numbers; words->count when there is none */
    size_t quality_run; /* where the known words that lead to it begin */
    size_t cut_from;    /* where the title would end, were "German" before a year not said of the release */
    bool is_episode;
};

/* Moves words->first to where the title begins, and forgets a "[Group]" that is none. */
void parts_settle_front(struct words *words);

/* Takes a year or a day that stands before the title. */
void parts_take_front(struct words *words, struct release_name *release);

/* Drops ".ts" where it is the ending of a file. */
void parts_drop_stream(struct words *words);

/* Fills the numbers and the year as well. */
struct parts parts_find(const struct words *words, struct release_name *release);

/* Fills the title and the alias, when all else is filled; see release_title.c. */
void parts_write_title(const struct words *words, const struct parts *parts, struct release_name *release);

#endif
