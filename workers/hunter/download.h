/* SPDX-License-Identifier: Apache-2.0 */
/*
 * download.h -- the kind `download`: {download_id, media_id, magnet | torrent_id, release_id?}.
 *
 *     take the row --> find the torrent --> join its swarm --> wait --> complete: result, seed
 *          ^                                                    |
 *          '-- move on to the next release <-- nothing came ----+--> refused, disk full, given up: Failed
 *                                                               '--> cancelled, shutdown: leave
 */
#ifndef SOKOUL_WORKERS_HUNTER_DOWNLOAD_H
#define SOKOUL_WORKERS_HUNTER_DOWNLOAD_H

#include "workers/runtime/runtime.h"

MUST_USE enum err_code download_run(struct job *job, struct err *err);

#endif
