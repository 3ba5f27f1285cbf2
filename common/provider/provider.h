/* SPDX-License-Identifier: Apache-2.0 */
/*
 * provider.h -- what the outside world told us, as plain data.
 *
 * Shared by tmdb.h and prowlarr.h.  All texts live in the arena given to the call, are valid
 * UTF-8, free of control characters and cut to the lengths below; NULL means unknown.
 *
 * Errors of every provider call:
 *   E_NOT_FOUND     it does not have that
 *   E_CONFIG        it refused our key, or is not configured: no retry will help
 *   E_TOO_MANY      429; err->retry_after_s is what it asked for, at most an hour, or 0
 *   E_TIMEOUT       slower than the deadline
 *   E_PROVIDER      away, HTML, garbage, too large, an endless redirect, a 5xx (with its Retry-After)
 *   E_CANCELLED     *cancel was set
 *   E_NO_MEMORY     the arena is full
 * Texts name the provider and never contain a key or a query.
 */
#ifndef SOKOUL_COMMON_PROVIDER_PROVIDER_H
#define SOKOUL_COMMON_PROVIDER_PROVIDER_H

#include "common/base/arena.h"

#include <stddef.h>
#include <stdint.h>

enum
{
    PROVIDER_TITLE_BYTES = 512,
    PROVIDER_TEXT_BYTES = 8192, /* an overview */
    PROVIDER_URL_BYTES = 4096,
    PROVIDER_MAGNET_BYTES = 16384,
    PROVIDER_MAX_GENRES = 16
};

enum provider_type
{
    PROVIDER_MULTI, /* asking only: films and series */
    PROVIDER_MOVIE,
    PROVIDER_TV
};

/* What a provider's answer lost on the way, so that it can be told. */
struct provider_loss
{
    size_t rows;   /* that are nothing one could name or get */
    size_t values; /* texts and numbers that are unreadable: \u0000, half a surrogate, 1e400, a key twice */
};

/* Plain words, or NULL when nothing was lost (or the arena is full). */
const char *provider_loss_text(struct arena *arena, const struct provider_loss *loss);

/* For programs that call providers: the series of calls stand at 0 from now on (metrics.h). */
void provider_expect_calls(void);

/* "multi", "movie", "tv", as TMDB and our own API spell them. */
const char *provider_type_name(enum provider_type type);

/* A film or a series. */
struct provider_media
{
    int64_t tmdb_id;
    enum provider_type type; /* never PROVIDER_MULTI */
    const char *title;       /* never NULL nor empty */
    const char *original_title;
    const char *overview;
    const char *release_date; /* "2010-07-15" */
    int year;                 /* 0: unknown */
    const char *genres[PROVIDER_MAX_GENRES];
    size_t genre_count;
    const char *poster_url;
    const char *backdrop_url;
    const char *imdb_id; /* details only */
    double vote;         /* 0 to 10 */
    int runtime_min;     /* details only; 0: unknown */
    int seasons;         /* details of a series only */
};

/* Something that could be downloaded. */
struct provider_release
{
    const char *guid;  /* never NULL */
    const char *title; /* never NULL */
    const char *indexer;
    int64_t size_bytes;       /* 0: unknown */
    int seeders;              /* -1: unknown */
    int leechers;             /* -1: unknown */
    int64_t published_ms;     /* wall time; 0: unknown */
    int age_days;             /* -1: unknown */
    const char *magnet;       /* "magnet:?…" */
    const char *info_hash;    /* 40 or 64 lower-case hex digits */
    const char *download_url; /* for prowlarr_resolve only; our API key in it is masked */
    int categories[8];
    size_t category_count;
};

/* By what a release is the same as another: its hash or magnet link; without one its guid, which names it
 * everywhere if it is an address, else with its indexer and title: many give all their rows one guid, or
 * numbers. NULL when the arena is full. */
const char *provider_release_key(struct arena *arena, const struct provider_release *release);

#endif
