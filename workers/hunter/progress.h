/* SPDX-License-Identifier: Apache-2.0 */
/*
 * progress.h -- a torrent's state in words and figures for people.
 *
 * Pure; any thread.
 */
#ifndef SOKOUL_WORKERS_HUNTER_PROGRESS_H
#define SOKOUL_WORKERS_HUNTER_PROGRESS_H

#include "workers/hunter/engine/engine.h"

#include <stdint.h>

enum
{
    PROGRESS_QUIET_MS = 60000, /* after so long without a byte the text mentions it */
    PROGRESS_MAX_ETA_S = 100 * 24 * 3600
};

/* The state in a few plain words; static. */
const char *progress_words(const struct engine_stat *stat, int64_t quiet_ms);
double progress_share(const struct engine_stat *stat);  /* 0 to 1 */
int64_t progress_eta_s(const struct engine_stat *stat); /* -1: unknown */

#endif
