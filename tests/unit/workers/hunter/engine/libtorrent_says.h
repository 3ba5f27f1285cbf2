/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libtorrent_says.h -- what libtorrent itself reads from a .torrent or a magnet link, as text.
 *
 * A line for each thing: "v1 HASH", "v2 HASH", "name TEXT", "pieces COUNT LENGTH", "private 0|1" and
 * "file INDEX SIZE PATH" for each file that is no padding, those of the same path told apart as the engine
 * does (paths.h).  Blocks never.  Any thread.
 */
#ifndef SOKOUL_TESTS_LIBTORRENT_SAYS_H
#define SOKOUL_TESTS_LIBTORRENT_SAYS_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C"
{
#endif

    /* False: it refuses, and `said` has why.  Free with free(). */
    bool libtorrent_says_torrent(const void *bytes, size_t len, char **said);
    bool libtorrent_says_magnet(const char *link, char **said);

    /* The addresses of trackers and web seeds, a line each: "tr URL", "ws URL"; none with control
       characters. */
    bool libtorrent_says_sources(const void *bytes, size_t len, char **said);

#ifdef __cplusplus
}
#endif

#endif
