/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hunter.h -- what a hunter writes while it runs a download's job (tables downloads, torrents).
 *
 * Every write is made under the guard of the job: the job is Running, and under the fencing token of this
 * hunter's claim.  E_LOST: it is not; nothing was written, and the handler must stop.
 * Texts live in the arena.  Errors otherwise: db.h's.  Threads: the connection's owner.  Blocks.
 */
#ifndef SOKOUL_COMMON_STORE_HUNTER_H
#define SOKOUL_COMMON_STORE_HUNTER_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/db/db.h"
#include "common/store/releases.h"
#include "common/store/torrents.h"

struct hunter_guard
{
    const char *job_id;
    int64_t fence;
    const char *download_id;
};

struct hunter_download
{
    const char *id;
    const char *user_id;
    const char *media_id;
    const char *torrent_id; /* or NULL: not known yet */
    const char *release_id; /* or NULL: the user named the torrent */
    const char *wanted;     /* "run", "pause", "cancel", "delete" */
    const char *files;      /* indexes with commas between, or NULL: all */
};
/* Takes the download for this hunter's node.  A download that is not there is made, for the job's user and
 * `media_id`.  E_NOT_FOUND: no such title; E_CONFLICT: the download is another user's, or another job's. */
MUST_USE enum err_code hunter_store_take(struct db *db, struct arena *arena, const struct hunter_guard *guard,
                                         const char *media_id, const char *node,
                                         struct hunter_download *download, struct err *err);

/* Writes which torrent the download is of. */
MUST_USE enum err_code hunter_store_bind(struct db *db, struct arena *arena, const struct hunter_guard *guard,
                                         const char *torrent_id, const char *node, struct err *err);

/* One line of the batch. */
struct hunter_progress
{
    struct hunter_guard guard;
    double progress; /* 0 to 1 */
    int64_t done_bytes;
    int64_t total_bytes; /* 0: unknown */
    int64_t down_bytes_s;
    int64_t peers;
    int64_t eta_s; /* below 0: unknown */
    const char *detail;
};
/* Writes the progress of many downloads at once and never waits for a lock: `written[i]` is false for a
 * download that is not ours any more, and for one whose row another transaction has locked.  A line that the
 * database refuses does not hold up the others: it is logged, and counts as written, so that it is not tried
 * again at once.
 */
MUST_USE enum err_code hunter_store_progress(struct db *db, struct arena *arena,
                                             const struct hunter_progress *lines, size_t n, bool *written,
                                             struct err *err);
/* What is wanted of each; NULL for one that is gone. */
MUST_USE enum err_code hunter_store_wanted(struct db *db, struct arena *arena,
                                           const char *const *download_ids, size_t n, const char **wanted,
                                           struct err *err);

/* Writes why the present release was left, and moves on to the best fit one that was not tried yet.
 * *next NULL: there is none, and nothing was written. */
MUST_USE enum err_code hunter_store_next(struct db *db, struct arena *arena, const struct hunter_guard *guard,
                                         const char *reason, const char *detail, struct release_source **next,
                                         struct err *err);
/* Writes only why. */
MUST_USE enum err_code hunter_store_tried(struct db *db, struct arena *arena,
                                          const struct hunter_guard *guard, const char *reason,
                                          const char *detail, struct err *err);

/* A torrent as its metadata describe it; at the end (`done_bytes` >= 0) all of it is there. */
struct hunter_torrent
{
    const char *torrent_id;
    struct torrent_known known; /* names and files as they are on disk */
    const char *node;
    int64_t done_bytes;   /* below 0: not complete */
    int64_t wanted_bytes; /* of the selected files */
};
/* *known_as is the id of the torrent's row. It is another id when a row was made before for the torrent's
 * other hash, and the two turn out to be one torrent; then nothing else was written. */
MUST_USE enum err_code hunter_store_describe(struct db *db, struct arena *arena,
                                             const struct hunter_guard *guard,
                                             const struct hunter_torrent *torrent, const char **known_as,
                                             struct err *err);

/* Another hunter has completed the torrent, and all its files are wanted: then this download is complete,
 * too, and *result the job's as hunt.h describes it, else NULL. */
MUST_USE enum err_code hunter_store_share(struct db *db, struct arena *arena,
                                          const struct hunter_guard *guard, const char **result,
                                          struct err *err);

/* Whether another download has this torrent's files, complete. */
MUST_USE enum err_code hunter_store_is_kept(struct db *db, const char *torrent_id, const char *download_id,
                                            bool *kept, struct err *err);

/* What downloads that were begun and are not over still have to write, by torrent, at most 10,000. */
struct hunter_promise
{
    const char *torrent_id;
    int64_t left_bytes;
};
MUST_USE enum err_code hunter_store_promises(struct db *db, struct arena *arena,
                                             struct hunter_promise **promises, size_t *count,
                                             struct err *err);

/* What the downloads of a download's user, and of everybody, take or will take, each torrent once. */
struct hunter_room
{
    int64_t of_user_bytes;
    int64_t of_all_bytes;
};
MUST_USE enum err_code hunter_store_room(struct db *db, const char *download_id, struct hunter_room *room,
                                         struct err *err);

struct hunter_seed
{
    const char *torrent_id;
    const char *files; /* the union of what its downloads want, as above */
    const char *links; /* of those who want it, as in torrent_source */
};
/* Torrents that this node completed at most `hours` ago and that somebody still wants. */
MUST_USE enum err_code hunter_store_seeds(struct db *db, struct arena *arena, const char *node, int64_t hours,
                                          struct hunter_seed **seeds, size_t *count, struct err *err);
/* Of these torrents, those that no download wants any more: a subset, in the arena. */
MUST_USE enum err_code hunter_store_unwanted(struct db *db, struct arena *arena,
                                             const char *const *torrent_ids, size_t n, const char ***unwanted,
                                             size_t *count, struct err *err);
/* Its files are about to go: nothing of it is complete. Call in the transaction of download_store_wants. */
MUST_USE enum err_code hunter_store_forget(struct db *db, const char *torrent_id, struct err *err);
/* What this node had complete is not on the disk any more as it was; if another has it complete meanwhile,
 * that stays.  Its downloads say so (download_store_get) until it is complete again. */
MUST_USE enum err_code hunter_store_lose(struct db *db, const char *torrent_id, const char *node,
                                         struct err *err);

#endif
