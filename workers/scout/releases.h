/* SPDX-License-Identifier: Apache-2.0 */
/*
 * releases.h -- the job that looks for releases of a title.
 *
 * Payload {"media_id", "season"?, "episode"?}: asks Prowlarr page by page, reads the names, scores
 * them, merges offers of the same torrent, and stores all of them in the table releases.
 *
 * The result is {"count", "found", "pages", "dropped", "best":{"id","title","score","seeders"} or null,
 * "warning" or null}: `found` offers made `count` releases, `dropped` rows could not be used;
 * `best` is fit for what was wanted.  When a page after the first fails, the result has a warning and the
 * offers of the pages before; dropped rows and unreadable texts leave a warning, too.
 */
#ifndef SOKOUL_WORKERS_SCOUT_RELEASES_H
#define SOKOUL_WORKERS_SCOUT_RELEASES_H

#include "workers/runtime/runtime.h"

enum err_code releases_run(struct job *job, struct err *err);

#endif
