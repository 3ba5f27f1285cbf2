/* SPDX-License-Identifier: Apache-2.0 */
/*
 * magnet.h -- magnet links (BEP 9, BEP 53): reading what people paste, writing what we keep.
 *
 * A link must carry a BitTorrent hash, urn:btih (40 hexadecimal or 32 base32 digits) or urn:btmh
 * (1220 and 64 hexadecimal digits); other kinds of xt are ignored beside one and refused alone.
 * The hash is all that a link must have right.  Whatever else is wrong costs itself and not the link:
 * blanks and line ends around the link and its parts, also those of no width and the mark of a byte order
 * that come along from a page, a '%' without digits and a '#' (both stand for themselves), control characters
 * in a name (blanks), an address that tracker.h does not keep.
 *
 * The engine is never given what was pasted, only what magnet_write made of what was read here, so there
 * is no second opinion.  libtorrent, which would read a pasted link otherwise, differs on purpose:
 *     - two different hashes of one version: it takes the last, here they are refused;
 *     - MAGNET:?, &amp;, blanks around, urn:BTIH: it refuses or loses them, here they are read;
 *     - '+' in an address: it makes a blank of it, here it stays.
 *
 * Limits: 8 KiB for the link, the first 100 trackers and web seeds, 255 bytes of name (cut, not refused).
 * Memory: texts live in the arena.  Blocks never.  Any thread.
 */
#ifndef SOKOUL_COMMON_MEDIA_MAGNET_H
#define SOKOUL_COMMON_MEDIA_MAGNET_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/media/infohash.h"
#include "common/media/tracker.h"

#include <stdint.h>

enum
{
    MAGNET_MAX_LEN = 8192,
    MAGNET_MAX_NAME_LEN = 255
};

struct magnet
{
    struct infohash hash; /* at least one of the two */
    const char *name; /* "" when the link has none; valid UTF-8, no controls, no marks that turn the direction
                         of writing */
    int64_t size_bytes; /* what the link claims (xl), 0 when it does not */
    struct tracker_list trackers;
    struct tracker_list webseeds;
};

/*
 * E_INVALID: not a magnet link of a torrent, the text says what is wrong.  E_NO_MEMORY: arena full.
 */
MUST_USE enum err_code magnet_parse(struct arena *arena, const char *text, struct magnet *magnet,
                                    struct err *err);

/* Adds "magnet:?xt=...&dn=...&tr=..." to the buffer, percent-encoded; web seeds as ws. */
void magnet_write(struct buf *buf, const struct magnet *magnet);

#endif
