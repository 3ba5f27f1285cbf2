/* SPDX-License-Identifier: Apache-2.0 */
/*
 * releases.h -- the releases that were found for a title, with their scores (table releases).
 *
 * A release leaves as JSON text {id,media_id,title,indexer,size,seeders,magnet,info_hash,season,
 * episode,quality,score,reasons,published_at,found_at}; its download_url never does.
 * Texts live in the arena.  Errors: db.h's.  Threads: the connection's owner.  Blocks.
 */
#ifndef SOKOUL_COMMON_STORE_RELEASES_H
#define SOKOUL_COMMON_STORE_RELEASES_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/id.h"
#include "common/db/db.h"
#include "common/store/page.h"

struct release_new
{
    const char *dedupe_key; /* the info hash, or the indexer's guid where there is none yet */
    const char *title;
    const char *indexer;      /* NULL: unknown */
    int64_t size_bytes;       /* 0: unknown */
    int seeders;              /* below 0: unknown, null in JSON */
    const char *magnet;       /* or NULL */
    const char *download_url; /* masked (prowlarr.h), or NULL */
    const char *info_hash;    /* lower-case hex, or NULL */
    int season;               /* 0: none */
    int episode;              /* 0: none */
    const char *quality;      /* JSON object, NULL: {} */
    int score;                /* 0 to 100 */
    const char *reasons;      /* JSON array of {points,text}, not empty */
    int64_t published_ms;     /* 0: unknown */
};

struct release_stored
{
    int64_t count;
    struct id first; /* of the row of releases[0], which may be older than this call */
};
/* Inserts or refreshes all of them (one or more) in one statement; of two with one key the first counts.
 * Releases that were found earlier stay.  E_NOT_FOUND: no such title. */
MUST_USE enum err_code release_store_put(struct db *db, const char *media_id,
                                         const struct release_new *releases, size_t count,
                                         struct release_stored *stored, struct err *err);

/* Best first, the unfit (score 0) at the end. */
MUST_USE enum err_code release_store_list(struct db *db, struct arena *arena, const char *media_id,
                                          const struct store_ask *ask, struct store_page *page,
                                          struct err *err);

/* What a download needs to know of a release. */
struct release_source
{
    const char *id;
    const char *media_id;
    const char *title;
    const char *magnet;       /* or NULL */
    const char *download_url; /* or NULL */
    const char *info_hash;    /* or NULL */
    const char *season;       /* as text, or NULL */
    const char *episode;      /* as text, or NULL */
};
/* E_NOT_FOUND: no such release, or it is of another title (`media_id` NULL: of any). */
MUST_USE enum err_code release_store_source(struct db *db, struct arena *arena, const char *release_id,
                                            const char *media_id, struct release_source *source,
                                            struct err *err);
/* The best fit one of a title; E_NOT_FOUND: there is none. */
MUST_USE enum err_code release_store_best(struct db *db, struct arena *arena, const char *media_id,
                                          struct release_source *source, struct err *err);

#endif
