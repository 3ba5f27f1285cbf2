/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tracker.h -- the addresses that a magnet link or a .torrent brings along: trackers, web seeds.
 *
 * They come from strangers and will be connected to, so they are looked at when they are read:
 * udp, http and https trackers and http and https web seeds are kept, without duplicates, the first
 * 100 of each.  Blanks around one are cut off, blanks inside become %20 and what is not ASCII
 * is percent-encoded byte by byte, in whatever encoding it is, as libtorrent does; the scheme becomes lower
 * case. Left out is what cannot or must not be asked: any other scheme or none, a user name or password in
 * the address, control characters, no host, more than 2,048 bytes.  One bad address never costs the
 * others, nor the torrent: addresses are a help in finding it, not what it is.
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

/* Adds the address, or leaves it out as told above.  E_NO_MEMORY: arena full. */
MUST_USE enum err_code tracker_list_add(struct arena *arena, struct tracker_list *list,
                                        enum tracker_kind kind, const char *url, size_t len, struct err *err);

#endif
