/* SPDX-License-Identifier: Apache-2.0 */
/*
 * score.h -- how well a release fits what is wanted, from 0 to 100, with its reasons.
 *
 *     score = clamp(sum of the points of all reasons, 0, 100)
 *
 * exactly, so that a person can add them up.  A release that is unfit has only reasons of -100
 * points each, so its score is 0: another title, a year that is more than one off, another season or
 * episode, filmed in a cinema, a sample, a program or a password, no seeders, a size that cannot be.
 * A fit one collects at most: title and year 25, resolution 30 (the wanted one; less by each step
 * away), source 15, video 5, sound 3, seeders 15, size 5, corrected release 2; and loses points
 * for burnt-in subtitles, 3D, a screener, a whole season where one episode is wanted.  All numbers are in
 * the tables of score.c.  The indexer plays no part.
 *
 * Titles are the same when the letters and digits of every script are (see slug_fold); a title that has
 * none fits nothing.  The title, the original title and the other names of what is wanted are compared with
 * the release's title and alias; of "2011 Title" the alias counts only for what is of that year.
 *
 * "Title 101" and "Title 2 - 05" are titles of their own, unless a series of the title without the number is
 * wanted: then they are the episode 101, and the fifth of the second season.
 *
 * Episodes: a number with a season must be in that season.  A number without one ("Title - 05") is counted
 * through all seasons: it fits `absolute` when that is known, else only an episode of the first season, for
 * in a later one it could be any.  A day ("Title.2024.03.15") fits `air_date`, and nothing when that is not
 * known; where the name has
 * a number too, that decides, for the day differs by where one lives.  Of single episodes only a complete run
 * from the first on can be a season.
 *
 * Pure: the same input gives the same score.  Plain data; texts are static.  Blocks never.  Any thread.
 */
#ifndef SOKOUL_COMMON_MEDIA_SCORE_H
#define SOKOUL_COMMON_MEDIA_SCORE_H

#include "common/media/release.h"

#include <stddef.h>
#include <stdint.h>

enum
{
    SCORE_MAX = 100,
    SCORE_MAX_REASONS = 16,
    SCORE_DEFAULT_RESOLUTION = 1080,
    SCORE_UNKNOWN = -1 /* seeders */
};

enum score_media
{
    SCORE_MOVIE,
    SCORE_TV
};

struct score_wanted
{
    const char *title;
    const char *original_title; /* NULL or "" when there is none */
    const char *const *names;   /* other names of it, in any script */
    size_t name_count;
    int year; /* 0: unknown; of a series its first */
    enum score_media media;
    int season;           /* RELEASE_NONE: any */
    int episode;          /* RELEASE_NONE: the whole season */
    int absolute;         /* the episode counted through all seasons; 0: unknown */
    const char *air_date; /* "2024-03-15", of the episode; NULL or "": unknown */
    int resolution;       /* 0: SCORE_DEFAULT_RESOLUTION */
    int runtime_min;      /* of the film or one episode; 0: unknown */
};

struct score_candidate
{
    struct release_name name;
    int64_t size_bytes; /* 0: unknown */
    int seeders;        /* SCORE_UNKNOWN: not told */
};

struct score_reason
{
    int points;
    const char *text; /* plain words, static */
};

struct score
{
    int points; /* 0 .. 100 */
    size_t reason_count;
    struct score_reason reasons[SCORE_MAX_REASONS]; /* never empty */
};

void score_release(const struct score_wanted *wanted, const struct score_candidate *candidate,
                   struct score *score);

/* What the order of a list depends on. */
struct score_rank
{
    int points;
    int seeders;
    int64_t size_bytes;
    const char *title;
};

/* Best first: higher score, more seeders, smaller known size, title; negative when `a` comes before `b`. */
int score_compare(const struct score_rank *a, const struct score_rank *b);

#endif
