/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk.h -- what of a download's files is on the disk that the API shares with the hunters.
 *
 * Threads: any.  Blocks on the disk: one stat for each file that the database calls complete.
 */
#ifndef SOKOUL_API_HANDLERS_DISK_H
#define SOKOUL_API_HANDLERS_DISK_H

#include "common/base/arena.h"
#include "common/base/err.h"

/* `items` as download_store_files gives them.  The progress of a complete file becomes the share of it that
 * is still there.  Nothing changes where no hunter keeps its state: that is not their disk.  E_NO_MEMORY. */
MUST_USE enum err_code disk_look(struct arena *arena, const char *download_dir, const char *torrent_id,
                                 const char **items, struct err *err);

#endif
