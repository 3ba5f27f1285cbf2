/* SPDX-License-Identifier: Apache-2.0 */
#include "workers/hunter/progress.h"

static const char *downloading(const struct engine_stat *stat, int64_t quiet_ms)
{
    if (stat->peers == 0 && stat->down_bytes_s == 0)
        return stat->mends ? "Files were missing or changed on the disk: looking for peers"
                           : "Looking for peers";
    if (stat->mends && quiet_ms < PROGRESS_QUIET_MS)
        return "Files were missing or changed on the disk: fetching them again";
    return quiet_ms >= PROGRESS_QUIET_MS ? "Peers send nothing at the moment" : "Downloading";
}

const char *progress_words(const struct engine_stat *stat, int64_t quiet_ms)
{
    switch (stat->state)
    {
    case ENGINE_PREPARING:
        return "Preparing";
    case ENGINE_METADATA_WAIT:
        return stat->peers == 0 ? "Looking for peers" : "Fetching the file list";
    case ENGINE_CHECKING:
        return stat->mends ? "Files are missing or changed on the disk: looking for what is left of them"
                           : "Checking files";
    case ENGINE_DOWNLOADING:
        return downloading(stat, quiet_ms);
    case ENGINE_SEEDING:
        return "Complete";
    case ENGINE_PAUSED:
        return "Paused";
    case ENGINE_STATE_COUNT:
        break;
    }
    return "";
}

double progress_share(const struct engine_stat *stat)
{
    if (stat->wanted_bytes == 0 || stat->done_bytes == 0)
        return 0;
    return stat->done_bytes >= stat->wanted_bytes ? 1 : (double)stat->done_bytes / (double)stat->wanted_bytes;
}

int64_t progress_eta_s(const struct engine_stat *stat)
{
    if (stat->wanted_bytes == 0)
        return -1;
    if (stat->done_bytes >= stat->wanted_bytes)
        return 0;
    if (stat->down_bytes_s == 0)
        return -1;
    uint64_t eta_s = (stat->wanted_bytes - stat->done_bytes) / stat->down_bytes_s;
    return eta_s >= PROGRESS_MAX_ETA_S ? -1 : (int64_t)eta_s + 1;
}
