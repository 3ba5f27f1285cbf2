/* SPDX-License-Identifier: Apache-2.0 */
/*
 * torrents.h -- one row per info hash, shared by everyone who wants it (table torrents).
 *
 * Texts live in the arena.  Errors: db.h's.  Threads: the connection's owner.  Blocks.
 */
#ifndef SOKOUL_COMMON_STORE_TORRENTS_H
#define SOKOUL_COMMON_STORE_TORRENTS_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/db/db.h"

/* NULL or 0 where unknown; at least one hash. */
struct torrent_new
{
    const char *info_hash_v1; /* 40 lower-case hex digits; "" is none */
    const char *info_hash_v2; /* 64; "" is none */
    const char *name;
    int64_t size_bytes;
    const char *magnet;
    const void *metainfo; /* the bytes of the .torrent */
    size_t metainfo_len;
    const char *files; /* JSON array of {index,path,size} */
};
/* Inserts it, or adds what was not known to the row that has one of its hashes; answers that row's id. */
MUST_USE enum err_code torrent_store_put(struct db *db, struct arena *arena,
                                         const struct torrent_new *torrent, const char **torrent_id,
                                         struct err *err);

struct torrent_source
{
    const char *id;
    const char *info_hash_v1; /* or NULL */
    const char *info_hash_v2; /* or NULL */
    const char *name;         /* or NULL */
    const char *magnet;       /* or NULL */
    const void *metainfo;     /* or NULL */
    size_t metainfo_len;
};
/* E_NOT_FOUND. */
MUST_USE enum err_code torrent_store_source(struct db *db, struct arena *arena, const char *torrent_id,
                                            struct torrent_source *source, struct err *err);

#endif
