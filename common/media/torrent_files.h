/* SPDX-License-Identifier: Apache-2.0 */
/*
 * torrent_files.h -- the file list inside an info dictionary; part of torrent.c, for nobody else.
 *
 * The two readers fill one list; both refuse what torrent.h says.  Memory: the arena's.
 */
#ifndef SOKOUL_COMMON_MEDIA_TORRENT_FILES_H
#define SOKOUL_COMMON_MEDIA_TORRENT_FILES_H

#include "common/media/bencode.h"
#include "common/media/torrent.h"

struct torrent_files
{
    struct arena *arena;
    struct torrent_file *items;
    size_t count;
    size_t cap;
    const char *single;  /* version 2: the name of the only file, which is the torrent's then; else NULL */
    size_t seen;         /* entries so far, padding included */
    size_t implied;      /* version 2: paddings that are not written but counted */
    size_t paths_bytes;  /* of all paths */
    int64_t total_bytes; /* without padding */
    int64_t span_bytes;  /* with padding: what the pieces cover */
    int64_t piece_count; /* version 2: every file begins a piece of its own */
};

MUST_USE enum err_code torrent_files_read_v1(struct torrent_files *files, struct bencode info,
                                             const char *name, struct err *err);
MUST_USE enum err_code torrent_files_read_v2(struct torrent_files *files, struct bencode info,
                                             const char *name, int64_t piece_bytes, struct err *err);
MUST_USE enum err_code torrent_files_tell_apart(struct torrent_files *files, struct err *err); /* paths.h */

#endif
