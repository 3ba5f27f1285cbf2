/* SPDX-License-Identifier: Apache-2.0 */
/*
 * paths.h -- files of a torrent whose paths are the same are told apart.
 *
 * A torrent may have a path twice, and names that differ may be the same once they are mended (filename.h).
 * The first file keeps the path; each further one gets the next number that is free before its extension,
 * "film (2).mkv".  Capitals tell paths apart, as on the disk.  The reader of .torrents and the engine both
 * ask here, of the files in the torrent's order without padding, so that they have the same names.
 *
 * Memory: new names are the arena's.  Blocks never.  Any thread.
 */
#ifndef SOKOUL_COMMON_MEDIA_PATHS_H
#define SOKOUL_COMMON_MEDIA_PATHS_H

#include "common/base/arena.h"

enum
{
    PATHS_MAX_RENAMED = 1000 /* honest torrents have a few */
};

/* Puts the new ones in their places.  E_REFUSED: a file where another has its folder, or too many of one
 * path; then `paths` are of no use. */
MUST_USE enum err_code paths_tell_apart(struct arena *arena, const char **paths, size_t count,
                                        struct err *err);

#endif
