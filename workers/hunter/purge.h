/* SPDX-License-Identifier: Apache-2.0 */
/* purge.h -- the kind `purge`: {torrent_id}. Removes the files of a torrent that no download wants. */
#ifndef SOKOUL_WORKERS_HUNTER_PURGE_H
#define SOKOUL_WORKERS_HUNTER_PURGE_H

#include "workers/runtime/runtime.h"

MUST_USE enum err_code purge_run(struct job *job, struct err *err);

#endif
