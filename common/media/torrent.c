/* SPDX-License-Identifier: Apache-2.0 */
#include "common/media/torrent.h"

#include "common/media/bencode.h"
#include "common/media/filename.h"
#include "common/media/torrent_files.h"
#include "common/media/torrent_layers.h"

#include <string.h>

enum
{
    V1_HASH_BYTES = 20,
    V2_MIN_PIECE_BYTES = 16 * 1024
};

/* What is being read: the torrent so far, and where from. */
struct reading
{
    struct arena *arena;
    struct torrent *torrent;
    struct bencode root;
    struct bencode info;
    struct bencode_text pieces; /* version 1 */
    bool is_v1;
    bool is_v2;
};

/* libtorrent insists on order in what tells its version, and takes the keys of version 2 for a mistake where
 * version 2 is not told. */
static enum err_code read_version(struct reading *r, struct err *err)
{
    int64_t version = 1;
    struct bencode any;
    bool is_told = bencode_find(r->info, "meta version", &any);
    if (is_told && (!bencode_int(any, &version) || version > 2 || version < 1))
        return fail(err, E_INVALID, "a version of torrents that is not known here");
    if (is_told && !bencode_is_sorted(r->info))
        return fail(err, E_INVALID, "keys of a version 2 torrent that are not in order");
    r->is_v2 = version == 2;
    if (!r->is_v2 && bencode_find(r->info, "file tree", &any))
        return fail(err, E_INVALID, "a file tree in a torrent that is not of version 2");
    r->is_v1 = bencode_find_text(r->info, "pieces", &r->pieces);
    bool is_half_v1 = bencode_find(r->info, "pieces", &any) || bencode_find(r->info, "length", &any) ||
                      bencode_find(r->info, "files", &any);
    if (!r->is_v1 && (!r->is_v2 || is_half_v1))
        return fail(err, E_INVALID, "the torrent has no hashes of pieces");
    return E_OK;
}

static enum err_code read_name(struct reading *r, struct err *err)
{
    struct bencode_text name;
    if (!bencode_find_text(r->info, "name.utf-8", &name) && !bencode_find_text(r->info, "name", &name))
        return fail(err, E_INVALID, "the torrent has no name");
    char mended[FILENAME_SIZE];
    enum err_code code = filename_mend(name.at, name.len, mended, err);
    if (code != E_OK)
        return code;
    r->torrent->name = arena_strdup(r->arena, mended);
    return r->torrent->name != NULL ? E_OK : fail(err, E_NO_MEMORY, "no memory for the torrent");
}

static enum err_code read_piece_length(struct reading *r, struct err *err)
{
    int64_t bytes;
    if (!bencode_find_int(r->info, "piece length", &bytes))
        return fail(err, E_INVALID, "the torrent has no piece length");
    if (bytes <= 0 || bytes > TORRENT_MAX_PIECE_BYTES)
        return fail(err, E_REFUSED, "a piece length that is not within 1 byte and 64 MB");
    if (r->is_v2 && (bytes < V2_MIN_PIECE_BYTES || (bytes & (bytes - 1)) != 0))
        return fail(err, E_INVALID, "a piece length that is not a power of two from 16 KB on");
    r->torrent->piece_bytes = bytes;
    return E_OK;
}

static enum err_code check_v1_pieces(const struct reading *r, const struct torrent_files *files,
                                     struct err *err)
{
    int64_t each = r->torrent->piece_bytes;
    int64_t need = files->span_bytes / each + (files->span_bytes % each != 0);
    if (r->pieces.len % V1_HASH_BYTES != 0)
        return fail(err, E_INVALID, "the hashes of the pieces are cut");
    if (need > TORRENT_MAX_PIECES || r->pieces.len / V1_HASH_BYTES > TORRENT_MAX_PIECES)
        return fail(err, E_REFUSED, "more than %d pieces", TORRENT_MAX_PIECES);
    if ((size_t)need != r->pieces.len / V1_HASH_BYTES)
        return fail(err, E_REFUSED, "the sizes of the files do not fit the number of pieces");
    return E_OK;
}

/* Padding of version 1 must bring its files to where those of version 2 begin, and end a piece if it ends
 * the torrent. */
static bool same_files(const struct torrent_files *v1, const struct torrent_files *v2)
{
    int64_t end = 0;
    if (v1->count != v2->count)
        return false;
    for (size_t i = 0; i < v1->count; i++)
    {
        const struct torrent_file *a = &v1->items[i];
        const struct torrent_file *b = &v2->items[i];
        if (a->size_bytes != b->size_bytes || strcmp(a->path, b->path) != 0 ||
            (a->size_bytes > 0 && a->offset_bytes != b->offset_bytes))
            return false;
        end = a->offset_bytes + a->size_bytes;
    }
    size_t padding = v1->seen - v1->count;
    return padding <= v2->implied && v1->span_bytes == (padding < v2->implied ? end : v2->span_bytes);
}

/* The engine leaves out version 2's padding before empty files at the end where version 1 has none there. */
static void number_the_end(const struct torrent_files *v1, struct torrent_files *v2)
{
    size_t end = v2->count;
    while (end > 0 && v2->items[end - 1].size_bytes == 0)
        end--;
    for (size_t i = end; end > 0 && i < v2->count; i++)
        v2->items[i].index = v2->items[end - 1].index + (v1->items[i].index - v1->items[end - 1].index);
}

static enum err_code read_v1_files(struct reading *r, struct torrent_files *files, struct err *err)
{
    enum err_code code = torrent_files_read_v1(files, r->info, r->torrent->name, err);
    if (code == E_OK)
        code = check_v1_pieces(r, files, err);
    r->torrent->piece_count = (int64_t)(r->pieces.len / V1_HASH_BYTES);
    return code;
}

static enum err_code read_v2_files(struct reading *r, struct torrent_files *files, struct err *err)
{
    enum err_code code =
        torrent_files_read_v2(files, r->info, r->torrent->name, r->torrent->piece_bytes, err);
    if (code == E_OK && !r->is_v1 && files->single != NULL)
        r->torrent->name = files->single;
    if (!r->is_v1)
        r->torrent->piece_count = files->piece_count;
    return code;
}

static enum err_code read_files(struct reading *r, struct err *err)
{
    struct torrent_files v1 = {.arena = r->arena};
    struct torrent_files v2 = {.arena = r->arena};
    enum err_code code = r->is_v1 ? read_v1_files(r, &v1, err) : E_OK;
    if (code == E_OK && r->is_v2)
        code = read_v2_files(r, &v2, err);
    if (code != E_OK)
        return code;
    if (r->is_v1 && r->is_v2 && !same_files(&v1, &v2))
        return fail(err, E_REFUSED, "the two versions inside the torrent tell of different files");
    if (r->is_v1 && r->is_v2)
        number_the_end(&v1, &v2);
    struct torrent_files *files = r->is_v2 ? &v2 : &v1; /* the engine numbers them so */
    if (files->count == 0 || files->total_bytes == 0)
        return fail(err, E_INVALID, "the torrent has no data");
    r->torrent->files = files->items;
    r->torrent->file_count = files->count;
    r->torrent->total_bytes = files->total_bytes;
    return torrent_files_tell_apart(files, err);
}

static enum err_code read_hashes(struct reading *r, struct err *err)
{
    struct torrent *torrent = r->torrent;
    enum err_code code = E_OK;
    torrent->info = r->info.at;
    torrent->info_len = r->info.len;
    if (r->is_v1)
        code = infohash_v1_of(r->info.at, r->info.len, &torrent->hash, err);
    if (code == E_OK && r->is_v2)
        code = infohash_v2_of(r->info.at, r->info.len, &torrent->hash, err);
    return code;
}

/* A text, a list of texts, or a list of such lists. */
static enum err_code read_urls(struct reading *r, const char *key, enum tracker_kind kind, struct err *err)
{
    struct tracker_list *to = kind == TRACKER_ANNOUNCE ? &r->torrent->trackers : &r->torrent->webseeds;
    struct bencode value;
    struct bencode tier;
    struct bencode item;
    struct bencode_text url;
    enum err_code code = E_OK;
    if (!bencode_find(r->root, key, &value))
        return E_OK;
    if (bencode_text(value, &url))
        return tracker_list_add(r->arena, to, kind, url.at, url.len, err);
    for (struct bencode_iter tiers = bencode_iter(value); code == E_OK && bencode_next(&tiers, &tier);)
    {
        if (bencode_text(tier, &url))
            code = tracker_list_add(r->arena, to, kind, url.at, url.len, err);
        for (struct bencode_iter items = bencode_iter(tier); code == E_OK && bencode_next(&items, &item);)
            if (bencode_text(item, &url))
                code = tracker_list_add(r->arena, to, kind, url.at, url.len, err);
    }
    return code;
}

static enum err_code read_trackers(struct reading *r, struct err *err)
{
    int64_t number = 0;
    r->torrent->is_private = bencode_find_int(r->info, "private", &number) && number != 0;
    enum err_code code = read_urls(r, "announce", TRACKER_ANNOUNCE, err);
    if (code == E_OK)
        code = read_urls(r, "announce-list", TRACKER_ANNOUNCE, err);
    if (code == E_OK)
        code = read_urls(r, "url-list", TRACKER_WEBSEED, err);
    return code;
}

/* In this order: the cheap looks before the long ones. */
static enum err_code (*const steps[])(struct reading *r, struct err *err) = {
    read_version, read_name, read_piece_length, read_trackers, read_files, read_hashes,
};

static enum err_code open_info(struct reading *r, const void *bytes, size_t len, struct err *err)
{
    if (len > TORRENT_MAX_BYTES)
        return fail(err, E_TOO_LARGE, "a .torrent file over %d MB", TORRENT_MAX_BYTES >> 20);
    struct err why = ERR_INIT;
    enum err_code code = bencode_open(bytes, len, &r->root, &why);
    if (code != E_OK)
        return fail(err, code, "not a .torrent file: %s", why.text);
    if (!bencode_is_dict(r->root) || !bencode_find(r->root, "info", &r->info) || !bencode_is_dict(r->info))
        return fail(err, E_INVALID, "not a .torrent file: it has no info");
    return E_OK;
}

enum err_code torrent_parse(struct arena *arena, const void *bytes, size_t len, struct torrent *torrent,
                            struct err *err)
{
    struct torrent found = {0};
    struct reading r = {.arena = arena, .torrent = &found};
    enum err_code code = open_info(&r, bytes, len, err);
    if (code != E_OK)
        return code;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
    {
        code = steps[i](&r, err);
        if (code != E_OK)
            return code;
    }
    *torrent = found;
    return E_OK;
}

enum err_code torrent_prove(struct arena *arena, const void *bytes, size_t len, struct torrent_proof *proof,
                            struct err *err)
{
    static const char head[] = "d4:info";
    enum
    {
        HEAD_LEN = sizeof head - 1
    };
    struct torrent found = {0};
    struct reading r = {.arena = arena, .torrent = &found, .info = {.at = "", .len = 0}};
    enum err_code code = open_info(&r, bytes, len, err);
    if (code == E_OK)
        code = read_version(&r, err);
    if (code == E_OK)
        code = read_hashes(&r, err);
    if (code != E_OK)
        return code;
    struct bencode_text layers = {.at = "", .len = 0};
    if (r.is_v2 && torrent_layers_prove(arena, r.root, r.info, &layers, err) != E_OK)
        return err->code;
    const size_t bare_len = HEAD_LEN + r.info.len;
    char *proven = arena_alloc(arena, bare_len + layers.len + 1);
    if (proven == NULL)
        return fail(err, E_NO_MEMORY, "no memory for the torrent");
    memcpy(proven, head, HEAD_LEN);
    memcpy(proven + HEAD_LEN, r.info.at, r.info.len);
    memcpy(proven + bare_len, layers.at, layers.len);
    proven[bare_len + layers.len] = 'e';
    *proof = (struct torrent_proof){.hash = found.hash,
                                    .metainfo = proven,
                                    .metainfo_len = bare_len + layers.len + 1,
                                    .bare_len = bare_len};
    return E_OK;
}
