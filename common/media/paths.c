/* SPDX-License-Identifier: Apache-2.0 */
#include "common/media/paths.h"

#include "common/base/buf.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum
{
    MAX_NAME_BYTES = 64 << 10
};

struct entry
{
    const char *path;
    size_t index; /* in the torrent */
};

struct sorted
{
    struct entry *entries; /* by path, then in the torrent's order */
    size_t count;
};

/* Like strcmp, but '/' comes first: what is inside a folder stands right behind it. */
static int compare_texts(const char *a, const char *b)
{
    const unsigned char *left = (const unsigned char *)a;
    const unsigned char *right = (const unsigned char *)b;
    while (*left != '\0' && *left == *right)
        left++, right++;
    int l = *left == '/' ? 1 : *left;
    int r = *right == '/' ? 1 : *right;
    return l - r;
}

static int compare(const void *a, const void *b)
{
    const struct entry *left = a;
    const struct entry *right = b;
    int order = compare_texts(left->path, right->path);
    if (order == 0)
        order = left->index < right->index ? -1 : 1;
    return order;
}

static bool is_inside(const char *path, const char *folder)
{
    size_t len = strlen(folder);
    return strncmp(path, folder, len) == 0 && path[len] == '/';
}

/* A file or a folder of the torrent has that path. */
static bool is_taken(const struct sorted *all, const char *path)
{
    size_t from = 0;
    size_t to = all->count;
    while (from < to)
    {
        size_t middle = from + (to - from) / 2;
        if (compare_texts(all->entries[middle].path, path) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    const char *found = from < all->count ? all->entries[from].path : NULL;
    return found != NULL && (strcmp(found, path) == 0 || is_inside(found, path));
}

/* Whatever the path, no other one and no other number give the same: the last dot splits it again. */
static void write_numbered(struct buf *buf, const char *path, size_t number)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    const char *dot = strrchr(name, '.');
    const char *end = dot == NULL || dot == name ? name + strlen(name) : dot;
    buf_clear(buf);
    buf_addf(buf, "%.*s (%zu)%s", (int)(end - path), path, number, end);
}

/* The next free name for a path; `number` is the one before. */
static const char *free_name(struct arena *arena, const struct sorted *all, const char *path, size_t *number)
{
    struct buf buf;
    buf_init(&buf, MAX_NAME_BYTES);
    do
        write_numbered(&buf, path, ++*number);
    while (!buf.failed && is_taken(all, buf.data));
    return buf_keep(&buf, arena);
}

static enum err_code check(const struct sorted *all, struct err *err)
{
    size_t twins = 0;
    for (size_t i = 1; i < all->count; i++)
    {
        const char *path = all->entries[i].path;
        const char *before = all->entries[i - 1].path;
        if (is_inside(path, before))
            return fail(err, E_REFUSED, "a file where another file has its folder");
        twins += strcmp(path, before) == 0 ? 1 : 0;
    }
    return twins <= PATHS_MAX_RENAMED ? E_OK : fail(err, E_REFUSED, "too many files of the same path");
}

enum err_code paths_tell_apart(struct arena *arena, const char **paths, size_t count, struct err *err)
{
    struct sorted all = {.entries = arena_array(arena, count, sizeof *all.entries), .count = count};
    if (all.entries == NULL)
        return fail(err, E_NO_MEMORY, "no memory for the list of files");
    for (size_t i = 0; i < count; i++)
        all.entries[i] = (struct entry){.path = paths[i], .index = i};
    qsort(all.entries, count, sizeof *all.entries, compare);
    enum err_code code = check(&all, err);
    size_t number = 1;
    for (size_t i = 1; code == E_OK && i < count; i++)
    {
        const struct entry *entry = &all.entries[i];
        if (strcmp(entry->path, all.entries[i - 1].path) != 0)
            number = 1;
        else if ((paths[entry->index] = free_name(arena, &all, entry->path, &number)) == NULL)
            code = fail(err, E_NO_MEMORY, "no memory for the list of files");
    }
    return code;
}
