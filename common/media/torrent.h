/* SPDX-License-Identifier: Apache-2.0 */
/*
 * torrent.h -- reading .torrent files: version 1 (BEP 3), version 2 (BEP 52) and hybrids.
 *
 * This is the first gate for what strangers upload, not the last: it refuses hostile names and
 * absurd numbers, so that nobody else has to meet them.  The BitTorrent engine stays the authority for names
 * and numbers of files: what is taken here, libtorrent takes (from torrent_prove), with the same hashes,
 * name, pieces and files; a test asks both of many thousand torrents.
 *
 * Refused with libtorrent: names longer than it can mend, sizes that do not fit the number of pieces, a piece
 * length of version 2 that is not a power of two from 16 KiB on, a file of version 2 without its hash or with
 * one of zeros, keys of version 2 that are not in order, its padding written down, a file tree without
 * `meta version`, hybrids whose two versions tell of different files, or of different places of them.
 *
 * Refused on purpose, though libtorrent goes on:
 *     - names that lead elsewhere or hide something (filename.h), empty names and paths;
 *     - a file where another has its folder, more than a thousand files of the same path, symbolic links;
 *     - paths over 4,096 bytes, more than 100,000 files or 262,144 pieces, piece lengths over 64 MiB;
 *     - nothing but padding or empty files;
 *     - `files`, `file tree`, `path` or `meta version` of a wrong type, an entry without length or path;
 *     - half of a version 1 (no files, or no hashes of pieces) beside version 2;
 *     - names of empty files that differ in the two versions;
 *     - what no strict reader of bencode takes (bencode.h): numbers with a leading zero, "-0", one key
 *       twice in a row, bytes behind the end.
 *
 * Files of the same path get another name each (paths.h), not those that differ in capitals only; the engine
 * names them so, too, where libtorrent would name them otherwise in a .torrent and not at all by magnet.
 *
 * Memory: everything that outlives the input is in the arena (give it TORRENT_ARENA_BYTES as its
 * limit); `info` borrows the input.  No recursion deeper than BENCODE_MAX_DEPTH.  Blocks never.
 * Any thread.
 */
#ifndef SOKOUL_COMMON_MEDIA_TORRENT_H
#define SOKOUL_COMMON_MEDIA_TORRENT_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/media/infohash.h"
#include "common/media/tracker.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum
{
    TORRENT_MAX_BYTES = 10 << 20,
    TORRENT_MAX_FILES = 100000,
    TORRENT_MAX_PIECES = 262144,
    TORRENT_MAX_PIECE_BYTES = 64 << 20,
    TORRENT_MAX_PATH_LEN = 4096,
    TORRENT_MAX_PATHS_BYTES = 24 << 20, /* all paths together */
    TORRENT_ARENA_BYTES = 56 << 20
};

struct torrent_file
{
    const char *path;     /* relative, '/' between components, begins with the torrent's name */
    int64_t size_bytes;   /* >= 0 */
    int64_t offset_bytes; /* in the row of all files and padding; version 2 begins a piece with each */
    size_t index;         /* the engine's number for it: padding counted, also version 2's implied one */
    bool is_dangerous;    /* a desktop would run it: filename_is_dangerous */
};

struct torrent
{
    struct infohash hash; /* v1, v2 or both */
    const char *name;     /* valid UTF-8, fit for a file name */
    int64_t piece_bytes;
    int64_t piece_count;
    int64_t total_bytes; /* of the files below: padding is left out */
    bool is_private;
    const struct torrent_file *files; /* at least one; padding left out */
    size_t file_count;
    struct tracker_list trackers; /* announce first, then announce-list, no duplicates */
    struct tracker_list webseeds;
    const void *info; /* the exact bytes that were hashed */
    size_t info_len;
};

/*
 * E_TOO_LARGE: over 10 MiB.  E_INVALID: no .torrent file.  E_REFUSED: hostile or absurd.
 * E_NO_MEMORY: arena full.  The text says what is wrong in plain words.
 */
MUST_USE enum err_code torrent_parse(struct arena *arena, const void *bytes, size_t len,
                                     struct torrent *torrent, struct err *err);

/*
 * What a .torrent proves, and nothing that it only says: its hashes, the part that was hashed as a .torrent
 * of its own, and version 2's hashes of pieces if all are there and lead to those of the files.  Trackers,
 * web seeds and comments are the word of whoever sent the file.  The same torrent gives the same bytes, with
 * or without the hashes of pieces, whoever sent it.
 */
struct torrent_proof
{
    struct infohash hash;
    const void *metainfo; /* in the arena */
    size_t metainfo_len;
    size_t bare_len; /* of its first bytes, which are the same with and without the hashes of pieces */
};

/* Looks at the hashes alone: what is inside may still be hostile.  Errors as above. */
MUST_USE enum err_code torrent_prove(struct arena *arena, const void *bytes, size_t len,
                                     struct torrent_proof *proof, struct err *err);

#endif
