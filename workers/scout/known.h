/* SPDX-License-Identifier: Apache-2.0 */
/*
 * known.h -- what TMDB knows of the wanted title besides what is stored: its other names, and of an episode
 * its day and its number through all seasons.
 *
 * It makes more releases fit and is never needed: one call at most, of at most KNOWN_CALL_MS, whose answer
 * the cache keeps as long as search results count as fresh; when anything fails, nothing is known.  Blocks.
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
struct tmdb_known known_find(struct job *job, const struct scout_desk *desk,
                             const struct tmdb_wanted *wanted);

#endif
