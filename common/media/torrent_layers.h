/* SPDX-License-Identifier: Apache-2.0 */
/*
 * torrent_layers.h -- the hashes of version 2's pieces (BEP 52, "piece layers"); part of torrent.c, for
 * nobody else.
 *
 * They stand outside of what a torrent's hash covers, but each of them must hash to the `pieces root` of its
 * file, which stands inside: what passes here is as good as the hash, whoever sent it.
 */
#ifndef SOKOUL_COMMON_MEDIA_TORRENT_LAYERS_H
#define SOKOUL_COMMON_MEDIA_TORRENT_LAYERS_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/media/bencode.h"

/*
 * Writes the member "piece layers" of a .torrent, key and value: the layers of all files that are longer than
 * a piece, in the order of their roots, so that one torrent gives the same bytes whoever sent it.  Nothing
 * (len 0) when no file needs one, or when one is missing or false: peers have them, too.  E_NO_MEMORY: the
 * arena.
 */
MUST_USE enum err_code torrent_layers_prove(struct arena *arena, struct bencode root, struct bencode info,
                                            struct bencode_text *member, struct err *err);

#endif
