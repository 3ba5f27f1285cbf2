/* SPDX-License-Identifier: Apache-2.0 */
/*
 * findings.h -- turns the offers of indexers into releases that can be stored.
 *
 *     findings_merge    one per torrent, of the offer with the most seeders; the useless left out
 *     findings_score    names read, points and reasons; best first
 *     findings_write    as rows for the table releases
 *
 * Two offers are the same when their info hashes are (of the magnet if there is one: that is what
 * would be downloaded), or, without a hash, their guids (provider_release_key).  What the winner
 * lacks is taken from the others.
 *
 * Pure.  All memory comes from the arena; texts of the offers are borrowed.  Errors: E_NO_MEMORY.
 */
#ifndef SOKOUL_WORKERS_SCOUT_FINDINGS_H
#define SOKOUL_WORKERS_SCOUT_FINDINGS_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/media/score.h"
#include "common/provider/provider.h"
#include "common/store/releases.h"

struct finding
{
    struct provider_release offer; /* info_hash is the one that counts */
    const char *key;               /* offers with the same key are the same */
    size_t order;                  /* its position in the answer */
    struct release_name name;
    struct score score;
};

struct findings
{
    struct finding *list;
    size_t count;
    size_t dropped; /* offers that cannot be downloaded */
};

MUST_USE enum err_code findings_merge(struct arena *arena, const struct provider_release *offers,
                                      size_t count, struct findings *out, struct err *err);
void findings_score(struct findings *findings, const struct score_wanted *wanted);
MUST_USE enum err_code findings_write(struct arena *arena, const struct findings *findings,
                                      const struct release_new **rows, struct err *err);

/* The words to look for a title by, as those who name releases write them: no punctuation, Latin letters
 * without accents.  NULL when the arena is full. */
const char *findings_words(struct arena *arena, const char *title);

#endif
