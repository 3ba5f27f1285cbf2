/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a .torrent file: what is taken obeys the limits of torrent.h. */
/* req: S37 */
#include "common/media/filename.h"
#include "common/media/torrent.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void check(const struct torrent *torrent)
{
    int64_t total_bytes = 0;
    for (size_t i = 0; i < torrent->file_count; i++)
    {
        const struct torrent_file *file = &torrent->files[i];
        size_t len = strlen(file->path);
        total_bytes += file->size_bytes;
        if (file->size_bytes < 0 || len == 0 || file->path[0] == '/' || strstr(file->path, "/../") != NULL)
            abort();
    }
    if (total_bytes != torrent->total_bytes || torrent->file_count > TORRENT_MAX_FILES ||
        torrent->piece_count > TORRENT_MAX_PIECES || torrent->trackers.count > TRACKER_MAX_COUNT ||
        (torrent->hash.v1[0] == '\0' && torrent->hash.v2[0] == '\0'))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct arena *arena = arena_new(TORRENT_ARENA_BYTES);
    struct torrent torrent;
    struct err err = ERR_INIT;
    enum err_code code = torrent_parse(arena, bytes, len, &torrent, &err);
    if (code == E_OK)
        check(&torrent);
    else if (err.text[0] == '\0')
        abort();
    arena_free(arena);
    return 0;
}
