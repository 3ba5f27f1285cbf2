/* SPDX-License-Identifier: Apache-2.0 */
#include "api/handlers/disk.h"

#include "common/json/write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum
{
    PARSED_BYTES = 16 << 20, /* a page of files whose paths are long */
    ITEMS_BYTES = 4 << 20,
    PATH_SIZE = 8192
};

/* -1: not the hunters' disk. */
static int open_folder(const char *download_dir)
{
    int folder = open(download_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0 && faccessat(folder, ".state", F_OK, 0) != 0)
    {
        close(folder);
        return -1;
    }
    return folder;
}

static double share_of(int folder, const char *torrent_id, const struct json *file)
{
    char path[PATH_SIZE];
    struct stat found;
    double size = json_number(json_get(file, "size"), 0);
    int len = snprintf(path, sizeof path, "%s/%s", torrent_id, json_text(json_get(file, "path"), ""));
    if (len < 0 || (size_t)len >= sizeof path)
        return 1;
    if (fstatat(folder, path, &found, 0) != 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : 1; /* else it is not known */
    if (!S_ISREG(found.st_mode))
        return 0;
    return (double)found.st_size >= size ? 1 : (double)found.st_size / size;
}

static void put_file(struct json_writer *w, const struct json *file, int folder, const char *torrent_id)
{
    double progress = json_number(json_get(file, "progress"), 0);
    json_begin_object(w, NULL);
    for (const struct json *member = json_first(file); member != NULL; member = json_next(member))
    {
        if (progress >= 1 && strcmp(json_name(member), "progress") == 0)
            json_put_number(w, "progress", share_of(folder, torrent_id, file));
        else
            json_put_value(w, json_name(member), member);
    }
    json_end_object(w);
}

static enum err_code rewrite(struct buf *out, int folder, const char *torrent_id, const char *items,
                             struct err *err)
{
    const struct json *list = NULL;
    struct json_writer w = json_writer(out);
    struct arena *parsed = arena_new(PARSED_BYTES);
    enum err_code code = parsed == NULL ? fail(err, E_NO_MEMORY, "no memory for a list of files")
                                        : json_parse(parsed, items, strlen(items), &list, err);
    json_begin_array(&w, NULL);
    for (const struct json *file = json_first(list); code == E_OK && file != NULL; file = json_next(file))
        put_file(&w, file, folder, torrent_id);
    json_end_array(&w);
    arena_free(parsed);
    return code;
}

enum err_code disk_look(struct arena *arena, const char *download_dir, const char *torrent_id,
                        const char **items, struct err *err)
{
    struct buf out;
    int folder = open_folder(download_dir);
    if (folder < 0)
        return E_OK;
    buf_init(&out, ITEMS_BYTES);
    enum err_code code = rewrite(&out, folder, torrent_id, *items, err);
    const char *text = buf_keep(&out, arena);
    close(folder);
    if (code == E_OK && text == NULL)
        return fail(err, E_NO_MEMORY, "no memory for a list of files");
    *items = code == E_OK ? text : *items;
    return code;
}
