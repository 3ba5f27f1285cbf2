/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catalog.h -- searches for titles: TMDB's answers, kept in media and in the cache.
 *
 * The unit is one page of one search, as TMDB pages it (TMDB_PAGE_ITEMS results; those that are people are
 * left out, so a page may have fewer titles).  A page in the cache is fresh for a while and then stale for a
 * day more:
 *
 *     catalog_find   the cache: is it there, and how old?
 *     tmdb_search    the provider
 *     catalog_keep   titles into media, in one statement; the page into the cache
 *
 * The API's GET /search answers with a stale page and accepts a search job that refreshes it; scout
 * runs that job through the same functions, so both fill one cache.
 *
 * Texts live in the arena.  Threads: the owner's of the connection and of the cache.  Blocks.
 */
#ifndef SOKOUL_COMMON_CATALOG_CATALOG_H
#define SOKOUL_COMMON_CATALOG_CATALOG_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/cache/cache.h"
#include "common/db/db.h"
#include "common/json/json.h"
#include "common/provider/tmdb.h"

enum
{
    CATALOG_STALE_S = 24 * 3600 /* how long a page is kept after it was fresh */
};

struct catalog_query
{
    const char *query;
    enum provider_type type;
    int page; /* 1 to TMDB_MAX_PAGE */
};

struct catalog_page
{
    const char *items; /* JSON array of media (store/media.h), at most TMDB_PAGE_ITEMS */
    int64_t total;     /* as TMDB counts them */
    int64_t age_ms;    /* since it came from TMDB; 0 when it just did */
};

/* A query as people typed it, made ready for TMDB: control characters become blanks, blanks at the ends go.
 * Never NULL. */
const char *catalog_words(struct arena *arena, const char *text);

/* E_NOT_FOUND: the page is not in the cache; also without Redis, with `cache` NULL, and when the value cannot
 * be read. */
MUST_USE enum err_code catalog_find(struct cache *cache, struct arena *arena,
                                    const struct catalog_query *query, struct catalog_page *page,
                                    struct err *err);

/* Only the titles of a page, of whatever age; the document lives in the arena.  E_NOT_FOUND as above. */
MUST_USE enum err_code catalog_items(struct cache *cache, struct arena *arena,
                                     const struct catalog_query *query, const struct json **items,
                                     struct err *err);

/* Stores TMDB's answer, and answers it as a page.  `fresh_s`: for how long it will count as fresh.  A cache
 * that is away is no failure.  Errors: db.h's. */
struct catalog_answer
{
    const struct catalog_query *query;
    const struct tmdb_page *found;
    int64_t fresh_s;
};
MUST_USE enum err_code catalog_keep(struct db *db, struct cache *cache, struct arena *arena,
                                    const struct catalog_answer *answer, struct catalog_page *page,
                                    struct err *err);

/* The unique key of a job that refreshes this page: a digest, the same for the same question. */
const char *catalog_key(struct arena *arena, const struct catalog_query *query);

#endif
