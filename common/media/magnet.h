/* SPDX-License-Identifier: Apache-2.0 */
/*
 * magnet.h -- magnet links (BEP 9, BEP 53): reading what people paste, writing what we keep.
 *
 * A link must carry a BitTorrent hash, urn:btih (40 hexadecimal or 32 base32 digits) or urn:btmh
 * (1220 and 64 hexadecimal digits); other kinds of xt are ignored beside one and refused alone.
 * Names and addresses are percent-decoded; tracker.h says which addresses are kept.
 *
 * Limits: 8 KiB for the link, 100 trackers, 100 web seeds, 255 bytes of name (cut, not refused).
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
    const char *name;     /* "" when the link has none; valid UTF-8 without control characters */
    int64_t size_bytes;   /* what the link claims (xl), 0 when it does not */
    struct tracker_list trackers;
    struct tracker_list webseeds;
};

/*
 * E_INVALID: not a magnet link of a torrent, the text says what is wrong.  E_REFUSED: hostile or
 * too many addresses.  E_NO_MEMORY: arena full.
 */
MUST_USE enum err_code magnet_parse(struct arena *arena, const char *text, struct magnet *magnet,
                                    struct err *err);

/* Adds "magnet:?xt=...&dn=...&tr=..." to the buffer, percent-encoded; web seeds as ws. */
void magnet_write(struct buf *buf, const struct magnet *magnet);

#endif
