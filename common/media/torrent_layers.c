/* SPDX-License-Identifier: Apache-2.0 */
#include "common/media/torrent_layers.h"

#include "common/media/infohash.h"
#include "common/media/torrent.h"

#include <stdlib.h>
#include <string.h>

enum
{
    BLOCK_BYTES = 16 * 1024,
    HASH_BYTES = INFOHASH_V2_BYTES
};

/* A file's hash, and the layer that leads to it; `at` is NULL until one was found. */
struct layer
{
    const char *root;
    int64_t pieces;
    const char *at;
};

struct layers
{
    struct arena *arena;
    int64_t piece_bytes;
    int64_t pieces; /* of all files */
    struct layer *items;
    size_t count;
    size_t cap;
    bool is_broken; /* the file tree makes no sense: not ours to tell */
};

/* ---- which ones are needed ----------------------------------------------------------------- */

static void need(struct layers *all, struct bencode leaf)
{
    struct bencode_text root;
    int64_t size_bytes = 0;
    if (!bencode_find_int(leaf, "length", &size_bytes) || size_bytes <= all->piece_bytes)
        return;
    int64_t pieces = size_bytes / all->piece_bytes + (size_bytes % all->piece_bytes != 0);
    if (!bencode_find_text(leaf, "pieces root", &root) || root.len != HASH_BYTES ||
        pieces > TORRENT_MAX_PIECES - all->pieces)
    {
        all->is_broken = true;
        return;
    }
    if (all->count == all->cap)
    {
        size_t cap = all->cap == 0 ? 16 : all->cap * 2;
        struct layer *items = arena_array(all->arena, cap, sizeof *items);
        if (items == NULL)
            return; /* the arena remembers */
        if (all->count > 0)
            memcpy(items, all->items, all->count * sizeof *items);
        all->items = items;
        all->cap = cap;
    }
    all->pieces += pieces;
    all->items[all->count++] = (struct layer){.root = root.at, .pieces = pieces};
}

/* Recursion is bounded by BENCODE_MAX_DEPTH. */
static void walk(struct layers *all, struct bencode node)
{
    struct bencode_iter iter = bencode_iter(node);
    struct bencode_text name;
    struct bencode child;
    while (!all->is_broken && !arena_failed(all->arena) && bencode_next_pair(&iter, &name, &child))
    {
        if (!bencode_is_dict(child))
            all->is_broken = true;
        else if (name.len == 0)
            need(all, child);
        else
            walk(all, child);
    }
}

static int compare(const void *a, const void *b)
{
    const struct layer *left = a;
    const struct layer *right = b;
    return memcmp(left->root, right->root, HASH_BYTES);
}

/* Two files of the same content share a layer. */
static void sort(struct layers *all)
{
    size_t kept = 0;
    if (all->count > 0)
        qsort(all->items, all->count, sizeof *all->items, compare);
    for (size_t i = 0; i < all->count; i++)
    {
        bool is_same = kept > 0 && compare(&all->items[kept - 1], &all->items[i]) == 0;
        if (is_same && all->items[kept - 1].pieces != all->items[i].pieces)
            all->is_broken = true;
        if (!is_same)
            all->items[kept++] = all->items[i];
    }
    all->count = kept;
}

static bool read_needed(struct layers *all, struct bencode info)
{
    struct bencode tree;
    if (!bencode_find_int(info, "piece length", &all->piece_bytes) || all->piece_bytes < BLOCK_BYTES ||
        all->piece_bytes > TORRENT_MAX_PIECE_BYTES || (all->piece_bytes & (all->piece_bytes - 1)) != 0 ||
        !bencode_find(info, "file tree", &tree))
        return false;
    walk(all, tree);
    sort(all);
    return !all->is_broken && all->count > 0;
}

/* ---- whether they are right ---------------------------------------------------------------- */

/* The tree over the layer is filled up to a power of two, with the hashes of pieces that are not there. */
static bool is_right(struct layers *all, const struct layer *layer, char *row)
{
    char absent[HASH_BYTES] = {0};
    int64_t count = layer->pieces;
    bool is_hashed = true;
    memcpy(row, layer->at, (size_t)count * HASH_BYTES);
    for (int64_t bytes = BLOCK_BYTES; bytes < all->piece_bytes; bytes *= 2)
        is_hashed = infohash_v2_join(absent, absent, absent) && is_hashed;
    for (; count > 1 && is_hashed; count = (count + 1) / 2)
    {
        for (int64_t i = 0; i < count && is_hashed; i += 2)
        {
            const char *left = row + i * HASH_BYTES;
            is_hashed =
                infohash_v2_join(left, i + 1 < count ? left + HASH_BYTES : absent, row + i / 2 * HASH_BYTES);
        }
        is_hashed = is_hashed && infohash_v2_join(absent, absent, absent);
    }
    return is_hashed && memcmp(row, layer->root, HASH_BYTES) == 0;
}

static bool find_all(struct layers *all, struct bencode given)
{
    struct bencode_iter iter = bencode_iter(given);
    struct bencode_text key;
    struct bencode value;
    struct bencode_text hashes;
    size_t found = 0;
    char *row = arena_array(all->arena, (size_t)all->pieces, HASH_BYTES);
    while (row != NULL && bencode_next_pair(&iter, &key, &value))
    {
        const struct layer asked = {.root = key.at};
        struct layer *layer =
            key.len == HASH_BYTES ? bsearch(&asked, all->items, all->count, sizeof asked, compare) : NULL;
        if (layer == NULL || layer->at != NULL)
            continue;
        if (!bencode_text(value, &hashes) || hashes.len != (size_t)layer->pieces * HASH_BYTES)
            return false;
        layer->at = hashes.at;
        if (!is_right(all, layer, row))
            return false;
        found++;
    }
    return found == all->count;
}

/* ---- writing ------------------------------------------------------------------------------- */

static char *put(char *to, const void *bytes, size_t len)
{
    memcpy(to, bytes, len);
    return to + len;
}

static char *put_length(struct arena *arena, char *to, size_t len)
{
    const char *text = arena_printf(arena, "%zu:", len);
    return text == NULL ? to : put(to, text, strlen(text));
}

static void write_all(const struct layers *all, struct bencode_text *member)
{
    static const char key[] = "12:piece layersd";
    enum
    {
        LENGTHS_BYTES = 2 * 24
    };
    char *text = arena_alloc(all->arena, sizeof key + all->count * (HASH_BYTES + LENGTHS_BYTES) +
                                             (size_t)all->pieces * HASH_BYTES);
    if (text == NULL)
        return;
    char *to = put(text, key, sizeof key - 1);
    for (size_t i = 0; i < all->count; i++)
    {
        const struct layer *layer = &all->items[i];
        const size_t len = (size_t)layer->pieces * HASH_BYTES;
        to = put_length(all->arena, to, HASH_BYTES);
        to = put(to, layer->root, HASH_BYTES);
        to = put_length(all->arena, to, len);
        to = put(to, layer->at, len);
    }
    *to++ = 'e';
    *member = (struct bencode_text){text, (size_t)(to - text)};
}

enum err_code torrent_layers_prove(struct arena *arena, struct bencode root, struct bencode info,
                                   struct bencode_text *member, struct err *err)
{
    struct layers all = {.arena = arena};
    struct bencode given;
    *member = (struct bencode_text){.at = "", .len = 0};
    if (bencode_find(root, "piece layers", &given) && read_needed(&all, info) && find_all(&all, given))
        write_all(&all, member);
    return arena_failed(arena) ? fail(err, E_NO_MEMORY, "no memory for the hashes of the pieces") : E_OK;
}
