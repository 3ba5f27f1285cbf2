/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tmdb.h -- The Movie Database, version 3 of its API.
 *
 * A key that starts with "eyJ" is sent as a Bearer token, another as api_key.  Calls block the
 * thread for at most deadline_ms.  A struct tmdb is plain data made by its owner; everything in
 * it is borrowed.  One thread at a time, as its http client.  Errors: provider.h.
 */
#ifndef SOKOUL_COMMON_PROVIDER_TMDB_H
#define SOKOUL_COMMON_PROVIDER_TMDB_H

#include "common/http/http.h"
#include "common/provider/provider.h"

#include <stdbool.h>

enum
{
    TMDB_MAX_PAGE = 500,
    TMDB_PAGE_ITEMS = 20, /* what it sends; more are ignored past 100 */
    TMDB_MAX_NAMES = 64   /* other names of one title; more are ignored */
};

struct tmdb
{
    struct http_client *http;
    const char *base_url; /* "https://api.themoviedb.org"; with or without a slash or /3 at its end */
    const char *api_key;
    const char *language;      /* NULL: en-US */
    const atomic_bool *cancel; /* may be NULL */
    int deadline_ms;           /* 0: HTTP_DEADLINE_MS */
    enum http_addresses addresses;
};

struct tmdb_query
{
    const char *query; /* not empty */
    enum provider_type type;
    int page; /* 1 to TMDB_MAX_PAGE */
};

struct tmdb_page
{
    struct provider_media *items;
    size_t count; /* people and nameless things are left out */
    int page;
    int total_pages;
    int64_t total_results;
    struct provider_loss loss;
};

MUST_USE enum err_code tmdb_search(const struct tmdb *tmdb, const struct tmdb_query *query,
                                   struct arena *arena, struct tmdb_page *out, struct err *err);
MUST_USE enum err_code tmdb_details(const struct tmdb *tmdb, enum provider_type type, int64_t tmdb_id,
                                    struct arena *arena, struct provider_media *out, struct err *err);

/* A title, and one of its episodes when both numbers are over 0. */
struct tmdb_wanted
{
    enum provider_type type;
    int64_t tmdb_id;
    int season;
    int episode;
};

struct tmdb_known
{
    const char **names; /* by which the title goes elsewhere, in any script */
    size_t name_count;
    const char *air_date; /* "2024-03-15", of the episode; NULL: unknown */
    int absolute;         /* the episode counted through all seasons; 0: unknown */
};

/* All of it is one call. */
MUST_USE enum err_code tmdb_known(const struct tmdb *tmdb, const struct tmdb_wanted *wanted,
                                  struct arena *arena, struct tmdb_known *out, struct err *err);

/* The name of one of TMDB's genre ids, films and series alike; NULL if unknown. */
const char *tmdb_genre(int64_t genre_id);

#endif
