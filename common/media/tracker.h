/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tracker.h -- the addresses that a magnet link or a .torrent brings along: trackers, web seeds.
 *
 * They come from strangers and will be connected to, so they are looked at when they are read:
 * udp, http and https trackers and http and https web seeds are kept, without duplicates; what
 * this program cannot use but is harmless (WebTorrent's wss, an empty text) is left out; any other
 * scheme, a user name or password in the address, control characters and blanks are refused.
 * Whether an address leads into a private network is the hunter's business, at connect time.
 *
 * Memory: the arena's.  Blocks never.  Any thread.
 */
#ifndef SOKOUL_COMMON_MEDIA_TRACKER_H
#define SOKOUL_COMMON_MEDIA_TRACKER_H

#include "common/base/arena.h"
#include "common/base/err.h"

#include <stddef.h>

enum
{
    TRACKER_MAX_COUNT = 100,
    TRACKER_MAX_LEN = 2048
};

enum tracker_kind
{
    TRACKER_ANNOUNCE,
    TRACKER_WEBSEED
};

struct tracker_list
{
    const char **urls;
    size_t count;
};

/* E_REFUSED: hostile, or more than 100 of them; the text says which.  E_NO_MEMORY: arena full. */
MUST_USE enum err_code tracker_list_add(struct arena *arena, struct tracker_list *list,
                                        enum tracker_kind kind, const char *url, size_t len, struct err *err);

#endif
