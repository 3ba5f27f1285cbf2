/* SPDX-License-Identifier: Apache-2.0 */
/*
 * progress.h -- a torrent's numbers in the words and figures that people see.
 *
 * Pure; any thread.
 */
#ifndef SOKOUL_WORKERS_HUNTER_PROGRESS_H
#define SOKOUL_WORKERS_HUNTER_PROGRESS_H

#include "workers/hunter/engine/engine.h"

#include <stdint.h>

enum
{
    PROGRESS_QUIET_MS = 60000, /* peers that send nothing for so long are told of */
    PROGRESS_MAX_ETA_S = 100 * 24 * 3600
};

/* What is going on, in a few plain words; static. */
const char *progress_words(const struct engine_stat *stat, int64_t quiet_ms);
double progress_share(const struct engine_stat *stat);  /* 0 to 1 */
int64_t progress_eta_s(const struct engine_stat *stat); /* -1: nobody knows */

#endif
