/* SPDX-License-Identifier: Apache-2.0 */
/*
 * search.h -- the job that looks for titles.
 *
 * Payload {"query", "page"?: 1 to 500, "type"?: "multi" | "movie" | "tv"}.  A page that is fresh in
 * the cache is taken from there; else TMDB is asked, its titles go into media and the page into the cache
 * from which the API's GET /search reads too.  With TMDB away a stale page is better than none; a 429
 * is waited for all the same.
 *
 * The result is {"items":[media...],"page","limit","total","next","cached"} as of GET /search, where
 * `total` is null past 10,000.  Items that would make it larger than a result may be are left out.
 */
#ifndef SOKOUL_WORKERS_SCOUT_SEARCH_H
#define SOKOUL_WORKERS_SCOUT_SEARCH_H

#include "workers/runtime/runtime.h"

enum err_code search_run(struct job *job, struct err *err);

#endif
