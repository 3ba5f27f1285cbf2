/* SPDX-License-Identifier: Apache-2.0 */
/* purge.h -- removing the files of torrents that nobody wants any more. */
#ifndef SOKOUL_API_HANDLERS_PURGE_H
#define SOKOUL_API_HANDLERS_PURGE_H

#include "api/request.h"

/* Inside the open transaction: a purge job in that user's name, unless a download still wants the torrent.
 * Wake the relay after the commit. */
MUST_USE enum err_code purge_torrent(struct request *req, struct db *db, const char *user_id,
                                     const char *torrent_id, struct err *err);

#endif
