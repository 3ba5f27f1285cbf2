/* SPDX-License-Identifier: Apache-2.0 */
/*
 * downloads.h -- the downloads of each user, and how far they are (table downloads).
 *
 * A download's status, reason and detail are its job's for as long as the job's row is there, so
 * that they never disagree.  `viewer` is the user that a download must belong to, NULL: any; a
 * download that its owner wants deleted is not found any more.  E_NOT_FOUND: there is none, or of another
 * user. Texts live in the arena.  Errors: db.h's.  Threads: the connection's owner.  Blocks.
 */
#ifndef SOKOUL_COMMON_STORE_DOWNLOADS_H
#define SOKOUL_COMMON_STORE_DOWNLOADS_H

#include "common/store/page.h"

struct download_new
{
    const char *id;
    const char *user_id;
    const char *media_id;
    const char *job_id;     /* accepted before, in the same transaction */
    const char *torrent_id; /* or NULL: to be found out from the release */
    const char *release_id; /* or NULL */
    const char *season;     /* as text, or NULL */
    const char *episode;    /* as text, or NULL */
    const char *files;      /* array literal (db_param_array), NULL: all */
    int64_t max_active;     /* of this user, this one included */
};
/* Call in a transaction: the user's row is locked until its end, so that the count holds.
 * E_TOO_MANY: max_active are there already; E_NOT_FOUND: no such title or user. */
MUST_USE enum err_code download_store_add(struct db *db, struct arena *arena,
                                          const struct download_new *download, struct err *err);

/* {id,job_id,media_id,torrent_id,release_id,name,status,reason,detail,wanted,progress,downloaded_bytes,
 * total_bytes,down_rate,peers,eta_s,tries,season,episode,node,created_at,started_at,finished_at} */
MUST_USE enum err_code download_store_get(struct db *db, struct arena *arena, const char *download_id,
                                          const char *viewer, const char **json, struct err *err);
/* Newest first; `status` NULL: any. */
MUST_USE enum err_code download_store_list(struct db *db, struct arena *arena, const char *viewer,
                                           const char *status, const struct store_ask *ask,
                                           struct store_page *page, struct err *err);
struct download_files
{
    struct store_page page;
    const char *torrent_id; /* "": not known yet */
};
/* {index,path,size,progress,stream_url} by index; none before the file list is known. */
MUST_USE enum err_code download_store_files(struct db *db, struct arena *arena, const char *download_id,
                                            const char *viewer, const struct store_ask *ask,
                                            struct download_files *known, struct err *err);

struct download_wish
{
    const char *download_id;
    const char *viewer; /* NULL: anyone's */
    const char *wanted; /* "run", "pause", "cancel", "delete" */
};
struct download_links
{
    const char *user_id;
    const char *job_id;     /* or NULL */
    const char *torrent_id; /* or NULL */
    const char *status;
    bool was_deleted; /* before this call */
};
/* Writes what the owner wants of the download; answers its job and torrent.  E_CONFLICT: the download is
 * over, and `wanted` is not "delete", which may be repeated. */
MUST_USE enum err_code download_store_want(struct db *db, struct arena *arena,
                                           const struct download_wish *wish, struct download_links *links,
                                           struct err *err);
/* Whether some download still wants this torrent.  The torrent's row is locked until the end of the
 * transaction, so that a new download of it waits: do not wait for anything but Postgres meanwhile. */
MUST_USE enum err_code download_store_wants(struct db *db, const char *torrent_id, bool *wanted,
                                            struct err *err);
/* Torrents that only this user's downloads want: the ids, in the arena. */
MUST_USE enum err_code download_store_only(struct db *db, struct arena *arena, const char *user_id,
                                           const char ***torrent_ids, size_t *count, struct err *err);

#endif
