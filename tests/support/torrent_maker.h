/* SPDX-License-Identifier: Apache-2.0 */
/*
 * torrent_maker.h -- makes .torrents of version 1, version 2 and both, with all kinds of names and layouts,
 * right and wrong ones, and changes bencoded bytes at random: a value for another, one left out, one twice,
 * a byte.  One seed makes the same each time.  One thread.
 */
#ifndef SOKOUL_TESTS_SUPPORT_TORRENT_MAKER_H
#define SOKOUL_TESTS_SUPPORT_TORRENT_MAKER_H

#include "common/base/buf.h"

#include <stdint.h>

/* What follows works on these bytes. */
void torrent_maker_begin(struct buf *bytes, uint64_t seed);

void torrent_maker_make(void);
void torrent_maker_change(void);

size_t torrent_maker_below(size_t limit); /* a number of its row */

#endif
