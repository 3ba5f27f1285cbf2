/* SPDX-License-Identifier: Apache-2.0 */
/*
 * media.h -- titles (table media), unique by (tmdb_id, media_type).
 *
 * A title leaves as JSON text {id,tmdb_id,media_type,title,original_title,overview,year,
 * release_date,genres,poster_url,backdrop_url,vote}.  Texts live in the arena.
 * Errors: db.h's.  Threads: the connection's owner.  Blocks.
 */
#ifndef SOKOUL_COMMON_STORE_MEDIA_H
#define SOKOUL_COMMON_STORE_MEDIA_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/db/db.h"

#include <stdbool.h>

/* As a provider tells it; NULL is unknown. */
struct media_new
{
    int64_t tmdb_id;
    const char *media_type; /* "movie" or "tv" */
    const char *title;
    const char *original_title;
    const char *overview;
    int year;                 /* 0: unknown */
    const char *release_date; /* "2010-07-15" */
    const char *const *genres;
    size_t genre_count;
    const char *poster_url;
    const char *backdrop_url;
    double vote;
};

/* What the table takes: a title, tmdb_id >= 0, a known type, no empty genre. */
bool media_is_valid(const struct media_new *media);

/* Inserts or refreshes all of them in one statement, and answers them as a JSON array in their order; those
 * that are not valid, and repetitions, are left out.  An impossible year or date is stored as unknown. */
MUST_USE enum err_code media_store_upsert(struct db *db, struct arena *arena, const struct media_new *media,
                                          size_t count, const char **items, struct err *err);
/* E_NOT_FOUND. */
MUST_USE enum err_code media_store_get(struct db *db, struct arena *arena, const char *media_id,
                                       const char **json, struct err *err);

/* Many in one round trip; jsons[i] is NULL where there is no such title.  At most DB_MAX_CALLS. */
MUST_USE enum err_code media_store_get_many(struct db *db, struct arena *arena, const char *const *media_ids,
                                            size_t n, const char **jsons, struct err *err);

/* What a search for releases needs to know of a title. */
struct media_title
{
    int64_t tmdb_id;
    const char *media_type;
    const char *title;
    const char *original_title; /* or NULL */
    int year;                   /* 0: unknown */
};
/* E_NOT_FOUND. */
MUST_USE enum err_code media_store_title(struct db *db, struct arena *arena, const char *media_id,
                                         struct media_title *title, struct err *err);

#endif
