/* SPDX-License-Identifier: Apache-2.0 */
/*
 * torrents.h -- one row per torrent, shared by all users who want it (table torrents), and what each of them
 * has claimed about it (table torrent_claims).
 *
 *     a link or an indexer claims --> a row of one hash and nothing else; the claim is its user's alone
 *     metainfo prove              --> both hashes, name, size, files: the same for all
 *
 * A shared row takes only what metainfo prove, so no user's claim decides what another user's hash leads to.
 * Two hashes of one torrent may be two rows until metainfo prove that they are one: the row that has
 * metainfo, else that of version 1, stays and takes over downloads and claims; the other one points to it.
 *
 * Texts live in the arena.  Errors: db.h's.  Threads: the connection's owner.  Blocks.
 */
#ifndef SOKOUL_COMMON_STORE_TORRENTS_H
#define SOKOUL_COMMON_STORE_TORRENTS_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/db/db.h"
#include "common/media/infohash.h"
#include "common/media/tracker.h"

/* What one user claims about a torrent. */
struct torrent_claim
{
    const char *user_id;
    const struct infohash *hash; /* of two the one of version 1 counts */
    const char *name;            /* "" or NULL: none */
    const struct tracker_list *trackers;
    const struct tracker_list *webseeds;
};
/* Answers the torrent of this hash, made if it is not there; the rest of the claim is kept for this user
 * alone. */
MUST_USE enum err_code torrent_store_claim(struct db *db, struct arena *arena,
                                           const struct torrent_claim *claim, const char **torrent_id,
                                           struct err *err);

/* The hashed part of metainfo. */
struct torrent_known
{
    const void *metainfo; /* of a .torrent; only what torrent_prove leaves of it is kept */
    size_t metainfo_len;
    const char *name;
    int64_t size_bytes;
    const char *files; /* JSON array of {index,path,size}; NULL: not known */
};
/* Stores the metainfo with their torrent, which is made if it is not there.  Call in a transaction.
 * E_CONFLICT: somebody made a row of its hashes just now, try the transaction again; torrent_prove's. */
MUST_USE enum err_code torrent_store_prove(struct db *db, struct arena *arena,
                                           const struct torrent_known *known, const char **torrent_id,
                                           struct err *err);

/* A .torrent that a user or an indexer sent: both of the above, in a transaction of its own. */
MUST_USE enum err_code torrent_store_put(struct db *db, struct arena *arena,
                                         const struct torrent_known *known, const struct torrent_claim *claim,
                                         const char **torrent_id, struct err *err);

/* The id of the row that this id points to today, or the same id.  E_NOT_FOUND. */
MUST_USE enum err_code torrent_store_find(struct db *db, struct arena *arena, const char *torrent_id,
                                          const char **found, struct err *err);

struct torrent_source
{
    const char *id;           /* as torrent_store_find answers it */
    const char *info_hash_v1; /* or NULL */
    const char *info_hash_v2; /* or NULL */
    const char *links;    /* or NULL: magnet links with '\n' between; their trackers and web seeds count */
    const char *magnet;   /* NULL: for the caller to fill in, when there are no metainfo */
    const void *metainfo; /* or NULL; they have been compared with the hashes */
    size_t metainfo_len;
};
/* With this user's links (NULL: none).  E_NOT_FOUND. */
MUST_USE enum err_code torrent_store_source(struct db *db, struct arena *arena, const char *torrent_id,
                                            const char *user_id, struct torrent_source *source,
                                            struct err *err);

#endif
