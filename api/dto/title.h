/* SPDX-License-Identifier: Apache-2.0 */
/*
 * title.h -- what clients send about titles: searches, favorites, what they watched.
 *
 * Each reader fills its struct or returns E_INVALID with the complaints noted.  Texts live in the
 * request's arena.  Blocks never.
 */
#ifndef SOKOUL_API_DTO_TITLE_H
#define SOKOUL_API_DTO_TITLE_H

#include "api/request.h"
#include "common/catalog/catalog.h"

enum
{
    TITLE_WAIT_MS = 2000,
    TITLE_MAX_WAIT_MS = 10000
};

struct title_search
{
    struct catalog_query query; /* trimmed, not empty; page is 1 */
    struct request_page page;
};
/* Of GET /search: query, type, page, limit, cursor. */
MUST_USE enum err_code title_search_read(struct request *req, struct title_search *out, struct err *err);

struct title_search_job
{
    struct catalog_query query;
    int64_t wait_ms;
};
/* Of POST /search. */
MUST_USE enum err_code title_search_job_read(struct request *req, struct title_search_job *out,
                                             struct err *err);

struct title_ref
{
    const char *media_id; /* or NULL, then: */
    int64_t tmdb_id;
    const char *media_type;
};
MUST_USE enum err_code title_ref_read(struct request *req, struct title_ref *out, struct err *err);

struct title_watched
{
    const char *media_id;
    int64_t position_s;
    int64_t duration_s; /* -1: not given */
};
MUST_USE enum err_code title_watched_read(struct request *req, struct title_watched *out, struct err *err);

struct title_part
{
    int64_t season;  /* 0: none */
    int64_t episode; /* 0: none */
};
/* Of POST /media/{id}/releases/search; no body is an empty one. */
MUST_USE enum err_code title_part_read(struct request *req, struct title_part *out, struct err *err);

#endif
