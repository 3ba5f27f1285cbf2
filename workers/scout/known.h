/* SPDX-License-Identifier: Apache-2.0 */
/*
 * known.h -- what TMDB knows about the wanted title besides what is stored: its other names, and for an
 * episode its day and its number across all seasons.
 *
 * With it more releases fit; the search works without it, too. One call at most, of at most KNOWN_CALL_MS;
 * the cache keeps the answer as long as search results count as fresh. When anything fails, the result is
 * empty.  Blocks.
 */
#ifndef SOKOUL_WORKERS_SCOUT_KNOWN_H
#define SOKOUL_WORKERS_SCOUT_KNOWN_H

#include "common/provider/tmdb.h"
#include "workers/scout/scout.h"

enum
{
    KNOWN_CALL_MS = 5000
};

/* Texts live in the job's arena. */
struct tmdb_known known_find(struct job *job, const struct scout_clients *clients,
                             const struct tmdb_wanted *wanted);

#endif
