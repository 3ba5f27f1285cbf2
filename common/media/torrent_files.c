/* SPDX-License-Identifier: Apache-2.0 */
#include "common/media/torrent_files.h"

#include "common/media/filename.h"
#include "common/media/paths.h"
#include "common/media/text.h"

#include <string.h>

/* A path that grows and shrinks while a tree is walked. */
struct path
{
    char text[TORRENT_MAX_PATH_LEN + 1];
    size_t len;
};

static enum err_code path_push(struct path *path, struct bencode_text part, struct err *err)
{
    char name[FILENAME_SIZE];
    enum err_code code = filename_mend(part.at, part.len, name, err);
    if (code != E_OK)
        return code;
    size_t slash = path->len > 0 ? 1 : 0;
    size_t len = strlen(name);
    if (path->len + slash + len > TORRENT_MAX_PATH_LEN)
        return fail(err, E_REFUSED, "a path longer than %d bytes", TORRENT_MAX_PATH_LEN);
    if (slash > 0)
        path->text[path->len++] = '/';
    memcpy(path->text + path->len, name, len);
    path->len += len;
    path->text[path->len] = '\0';
    return E_OK;
}

static void path_start(struct path *path, const char *name)
{
    path->len = strnlen(name, FILENAME_MAX_LEN);
    memcpy(path->text, name, path->len);
    path->text[path->len] = '\0';
}

static enum err_code reserve(struct torrent_files *files, struct err *err)
{
    if (files->count < files->cap)
        return E_OK;
    size_t cap = files->cap == 0 ? 16 : files->cap * 2;
    struct torrent_file *items = arena_array(files->arena, cap, sizeof *items);
    if (items == NULL)
        return fail(err, E_NO_MEMORY, "no memory for the list of files");
    if (files->count > 0)
        memcpy(items, files->items, files->count * sizeof *items);
    files->items = items;
    files->cap = cap;
    return E_OK;
}

static enum err_code add_file(struct torrent_files *files, const struct path *path, int64_t size_bytes,
                              struct err *err)
{
    enum err_code code = reserve(files, err);
    if (code != E_OK)
        return code;
    files->paths_bytes += path->len;
    if (files->paths_bytes > TORRENT_MAX_PATHS_BYTES)
        return fail(err, E_REFUSED, "paths that are longer than %d MB together",
                    TORRENT_MAX_PATHS_BYTES >> 20);
    char *text = text_clean(files->arena, path->text, path->len);
    if (text == NULL)
        return fail(err, E_NO_MEMORY, "no memory for the list of files");
    files->total_bytes += size_bytes; /* cannot overflow: never more than span_bytes */
    files->items[files->count++] = (struct torrent_file){.path = text,
                                                         .size_bytes = size_bytes,
                                                         .offset_bytes = files->span_bytes - size_bytes,
                                                         .index = files->seen - 1 + files->implied,
                                                         .is_dangerous = filename_is_dangerous(text)};
    return E_OK;
}

/* Counts one entry of either version; sizes must add up. */
static enum err_code count_entry(struct torrent_files *files, struct bencode entry, int64_t *size_bytes,
                                 struct err *err)
{
    if (++files->seen > TORRENT_MAX_FILES)
        return fail(err, E_REFUSED, "more than %d files", TORRENT_MAX_FILES);
    if (!bencode_find_int(entry, "length", size_bytes))
        return fail(err, E_INVALID, "a file of the torrent has no length");
    if (*size_bytes < 0)
        return fail(err, E_REFUSED, "a file of the torrent has a negative length");
    if (__builtin_add_overflow(files->span_bytes, *size_bytes, &files->span_bytes))
        return fail(err, E_REFUSED, "the sizes of the files do not add up");
    return E_OK;
}

static enum err_code check_link(struct bencode entry, struct err *err)
{
    struct bencode_text attr = {0};
    struct bencode target;
    if (bencode_find(entry, "symlink path", &target) ||
        (bencode_find_text(entry, "attr", &attr) && memchr(attr.at, 'l', attr.len) != NULL))
        return fail(err, E_REFUSED, "the torrent has a symbolic link");
    return E_OK;
}

static bool is_padding(struct bencode entry)
{
    struct bencode_text attr;
    return bencode_find_text(entry, "attr", &attr) && memchr(attr.at, 'p', attr.len) != NULL;
}

static enum err_code push_parts(struct path *path, struct bencode parts, struct err *err)
{
    struct bencode_iter iter = bencode_iter(parts);
    struct bencode part;
    size_t count = 0;
    for (; bencode_next(&iter, &part); count++)
    {
        struct bencode_text text;
        if (!bencode_text(part, &text))
            return fail(err, E_INVALID, "a path of the torrent is not made of texts");
        enum err_code code = path_push(path, text, err);
        if (code != E_OK)
            return code;
    }
    if (count == 0)
        return fail(err, E_REFUSED, "an empty path");
    return E_OK;
}

/* Of padding, whose path nobody writes to the disk. */
static enum err_code check_texts(struct bencode parts, struct err *err)
{
    struct bencode_iter iter = bencode_iter(parts);
    struct bencode part;
    struct bencode_text text;
    size_t count = 0;
    for (; bencode_next(&iter, &part); count++)
        if (!bencode_text(part, &text))
            return fail(err, E_INVALID, "a path of the torrent is not made of texts");
    return count > 0 ? E_OK : fail(err, E_REFUSED, "an empty path");
}

static enum err_code read_v1_entry(struct torrent_files *files, struct bencode entry, const char *name,
                                   struct err *err)
{
    int64_t size_bytes = 0;
    struct bencode parts;
    struct path path;
    enum err_code code = check_link(entry, err);
    if (code == E_OK)
        code = count_entry(files, entry, &size_bytes, err);
    if (code != E_OK)
        return code;
    if (!bencode_find(entry, "path.utf-8", &parts) && !bencode_find(entry, "path", &parts))
        return fail(err, E_INVALID, "a file of the torrent has no path");
    if (is_padding(entry))
        return check_texts(parts, err);
    if (!bencode_is_list(parts))
        return fail(err, E_INVALID, "a path of the torrent is not a list");
    path_start(&path, name);
    code = push_parts(&path, parts, err);
    return code != E_OK ? code : add_file(files, &path, size_bytes, err);
}

enum err_code torrent_files_read_v1(struct torrent_files *files, struct bencode info, const char *name,
                                    struct err *err)
{
    struct bencode list;
    struct bencode entry;
    if (!bencode_find(info, "files", &list))
    {
        struct path path;
        int64_t size_bytes = 0;
        path_start(&path, name);
        enum err_code code = check_link(info, err);
        if (code == E_OK)
            code = count_entry(files, info, &size_bytes, err);
        return code != E_OK ? code : add_file(files, &path, size_bytes, err);
    }
    if (!bencode_is_list(list))
        return fail(err, E_INVALID, "the files of the torrent are not a list");
    for (struct bencode_iter iter = bencode_iter(list); bencode_next(&iter, &entry);)
    {
        enum err_code code = read_v1_entry(files, entry, name, err);
        if (code != E_OK)
            return code;
    }
    return E_OK;
}

/* ---- version 2: a tree of dictionaries, a file is { "": { length, pieces root } } --------- */

struct walk
{
    struct torrent_files *files;
    int64_t piece_bytes;
    struct path path;
};

static const char no_hash[INFOHASH_V2_BYTES];

static enum err_code read_v2_leaf(struct walk *walk, struct bencode leaf, struct err *err)
{
    int64_t size_bytes = 0;
    struct bencode_text root;
    enum err_code code = check_link(leaf, err);
    if (code == E_OK)
        code = count_entry(walk->files, leaf, &size_bytes, err);
    if (code != E_OK)
        return code;
    if (size_bytes > 0 && (!bencode_find_text(leaf, "pieces root", &root) || root.len != sizeof no_hash ||
                           memcmp(root.at, no_hash, sizeof no_hash) == 0))
        return fail(err, E_INVALID, "a file of the torrent has no hash");
    int64_t pieces = size_bytes / walk->piece_bytes + (size_bytes % walk->piece_bytes != 0);
    walk->files->piece_count += pieces;
    if (walk->files->piece_count > TORRENT_MAX_PIECES)
        return fail(err, E_REFUSED, "more than %d pieces", TORRENT_MAX_PIECES);
    if (is_padding(leaf))
        return fail(err, E_INVALID, "padding that is written down in a version 2 torrent");
    code = add_file(walk->files, &walk->path, size_bytes, err);
    if (size_bytes % walk->piece_bytes == 0)
        return code;
    walk->files->implied++;
    walk->files->span_bytes = walk->files->piece_count * walk->piece_bytes;
    return code;
}

/* Recursion is bounded by BENCODE_MAX_DEPTH. */
static enum err_code read_v2_node(struct walk *walk, struct bencode node, struct err *err)
{
    struct bencode_iter iter = bencode_iter(node);
    struct bencode_text name;
    struct bencode child;
    size_t len = walk->path.len;
    size_t count = 0;
    for (; bencode_next_pair(&iter, &name, &child); count++)
    {
        if (!bencode_is_dict(child))
            return fail(err, E_INVALID, "the file tree of the torrent is not made of dictionaries");
        bool leaf = name.len == 0 && len > 0 && count == 0;
        if (leaf && iter.at != iter.end)
            return fail(err, E_REFUSED, "a file where another file has its folder");
        enum err_code code = leaf ? E_OK : path_push(&walk->path, name, err);
        if (code == E_OK)
            code = leaf ? read_v2_leaf(walk, child, err) : read_v2_node(walk, child, err);
        if (code != E_OK)
            return code;
        walk->path.len = len;
    }
    return E_OK;
}

/* A tree of nothing but one file is that file, whatever the torrent's name, unless version 1 beside it has a
 * folder; else the name is its folder. */
static bool is_single(struct bencode info, struct bencode tree)
{
    struct bencode_iter iter = bencode_iter(tree);
    struct bencode_text key;
    struct bencode node;
    struct bencode leaf;
    return !bencode_find(info, "files", &leaf) && bencode_next_pair(&iter, &key, &node) &&
           iter.at == iter.end && bencode_find(node, "", &leaf);
}

enum err_code torrent_files_read_v2(struct torrent_files *files, struct bencode info, const char *name,
                                    int64_t piece_bytes, struct err *err)
{
    struct walk walk = {.files = files, .piece_bytes = piece_bytes};
    struct bencode tree;
    struct bencode leaf;
    if (!bencode_find(info, "file tree", &tree) || !bencode_is_dict(tree))
        return fail(err, E_INVALID, "the torrent has no file tree");
    if (bencode_find(tree, "", &leaf))
        return fail(err, E_REFUSED, "an empty file name");
    bool single = is_single(info, tree);
    if (!single)
        path_start(&walk.path, name);
    enum err_code code = read_v2_node(&walk, tree, err);
    if (code == E_OK && single && files->count == 1)
        files->single = files->items[0].path;
    return code;
}

/* ---- both ------------------------------------------------------------------------------- */

enum err_code torrent_files_tell_apart(struct torrent_files *files, struct err *err)
{
    const char **paths = arena_array(files->arena, files->count, sizeof *paths);
    if (paths == NULL)
        return fail(err, E_NO_MEMORY, "no memory for the list of files");
    for (size_t i = 0; i < files->count; i++)
        paths[i] = files->items[i].path;
    enum err_code code = paths_tell_apart(files->arena, paths, files->count, err);
    for (size_t i = 0; code == E_OK && i < files->count; i++)
        files->items[i].path = paths[i];
    return code;
}
