/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hunt.h -- one download job while its handler works on it, and what is written about its torrent.
 *
 * The handler's thread only.
 */
#ifndef SOKOUL_WORKERS_HUNTER_HUNT_H
#define SOKOUL_WORKERS_HUNTER_HUNT_H

#include "workers/hunter/hunter.h"

struct hunt
{
    struct job *job;
    struct hunter *hunter;
    struct hunter_guard guard;
    struct hunter_download download;
    struct order order;
    struct torrent_source source; /* without its bytes: id and hashes, in the job's arena */
    int64_t quiet_before_ms;      /* nothing arrived in earlier turns for so long */
    int64_t turns;                /* since bytes arrived, before this one */
    bool is_described;            /* name and files are in the database */
    bool is_last;                 /* no other release to move on to */
    bool is_shared;               /* another hunter has completed it: there is nothing to wait for */
    bool moved_on;                /* to another download.release_id or torrent_id, which has to be begun */
    int64_t began_ms;
};

/* Writes name, size, file list and metainfo of the torrent to the database.  If they show that the torrent
 * has another row, the hunt moves on to that one. */
MUST_USE enum err_code hunt_describe(struct hunt *hunt, const struct swarm_view *view, struct err *err);
/* The same for a complete one, and, if it has not moved on, the job's result:
 * {torrent_id,name,bytes,seconds,files_total,files:[{index, path,size}]}, as many files as a result may hold.
 * Waits for a database that is away. */
MUST_USE enum err_code hunt_complete(struct hunt *hunt, const struct swarm_view *view, struct err *err);

/* Keeps the result of a complete download, and accepts a notice to its user. */
MUST_USE enum err_code hunt_keep(struct hunt *hunt, const char *result, struct err *err);

#endif
