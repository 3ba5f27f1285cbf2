/* SPDX-License-Identifier: Apache-2.0 */
/*
 * releases.h -- the job that looks for releases of a title.
 *
 * Payload {"media_id", "season"?, "episode"?}: asks Prowlarr page by page, reads the names, scores
 * them, merges what is the same torrent, and keeps all of them in the table releases.
 *
 * The result is {"count", "found", "pages", "dropped", "best":{"id","title","score","seeders"} or null,
 * "warning" or null}: `found` offers made `count` releases, `dropped` rows were nothing one could use;
 * `best` is fit for what was wanted.  A page that breaks after the first leaves a warning and what came
 * before it; so do rows that are dropped, and texts that are unreadable.
 */
#ifndef SOKOUL_WORKERS_SCOUT_RELEASES_H
#define SOKOUL_WORKERS_SCOUT_RELEASES_H

#include "workers/runtime/runtime.h"

enum err_code releases_run(struct job *job, struct err *err);

#endif
