/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inspections.h -- torrents that somebody had looked at and that may never be downloaded (table inspections).
 *
 * Their size is limited, of each user and of all together.  Beyond a limit the oldest inspections are
 * deleted, of the users with the most first; a torrent of which no inspection and no download is left is
 * deleted, too. Errors: db.h's.  Threads: the connection's owner.  Blocks.
 */
#ifndef SOKOUL_COMMON_STORE_INSPECTIONS_H
#define SOKOUL_COMMON_STORE_INSPECTIONS_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/db/db.h"

struct inspection
{
    const char *user_id;
    const char *torrent_id;
    int64_t bytes; /* 16 KiB are counted at least */
    int64_t max_user_bytes;
    int64_t max_bytes;
};
/* Call in the transaction that put the torrent, so that it cannot be deleted in between. This inspection
 * stays, unless it is larger than a limit by itself. */
MUST_USE enum err_code inspection_store_add(struct db *db, struct arena *arena,
                                            const struct inspection *inspection, struct err *err);

#endif
