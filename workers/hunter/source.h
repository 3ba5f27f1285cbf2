/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source.h -- from what a download names (a torrent, a magnet link, a release) to the torrents row
 * with something to start from: metainfo that prove its hash, or that hash alone as a magnet link.
 *
 * Blocks: the database, and Prowlarr for a release that only has an address.  The handler's thread.
 */
#ifndef SOKOUL_WORKERS_HUNTER_SOURCE_H
#define SOKOUL_WORKERS_HUNTER_SOURCE_H

#include "workers/hunter/hunter.h"

enum
{
    SOURCE_ARENA_BYTES = 160 << 20 /* limit of the arena to be given: a .torrent in several shapes */
};

struct source_ask
{
    const char *user_id;    /* whose download it is: the links of others are not used */
    const char *torrent_id; /* or NULL */
    const char *magnet;     /* or NULL */
    const char *release_id; /* or NULL */
    const char *media_id;   /* of the release */
};

/* E_NOT_FOUND, E_INVALID, E_REFUSED, E_UNPROCESSABLE, E_CONFIG: no torrent will ever come of it.  E_PROVIDER,
 * E_TOO_MANY (with retry_after_s): the link may work later, or was too slow.  Texts live in
 * the arena. */
MUST_USE enum err_code source_find(struct job *job, struct arena *arena, const struct source_ask *ask,
                                   struct torrent_source *source, struct err *err);

#endif
