/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/migrations.h"

#include "common/base/parse.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_migration_file(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return len > 4 && entry->d_name[0] != '.' && strcmp(entry->d_name + len - 4, ".sql") == 0;
}

static enum err_code read_name(struct arena *arena, const char *file, struct migration *migration,
                               struct err *err)
{
    const char *line = strchr(file, '_');
    char *name = line != NULL ? arena_strndup(arena, line + 1, strlen(line + 1) - 4) : NULL;
    char *version = line != NULL ? arena_strndup(arena, file, (size_t)(line - file)) : NULL;
    if (line == NULL || name == NULL || version == NULL || *name == '\0' ||
        !parse_i64(version, &migration->version) || migration->version <= 0)
        return fail(err, E_CONFIG, "%.100s is not named like 20240101000000_init.sql", file);
    migration->name = name;
    return E_OK;
}

static enum err_code read_text(struct arena *arena, const char *path, const char **text, struct err *err)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return fail(err, E_CONFIG, "cannot read %.100s: %s", path, strerror(errno));
    char *bytes = arena_alloc(arena, MIGRATION_MAX_BYTES + 2);
    size_t len = bytes != NULL ? fread(bytes, 1, MIGRATION_MAX_BYTES + 1, file) : 0;
    bool broken = ferror(file) != 0;
    fclose(file);
    if (bytes == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    if (broken || len > MIGRATION_MAX_BYTES || memchr(bytes, '\0', len) != NULL)
        return fail(err, E_CONFIG, "%.100s is not a text of at most %d bytes", path, MIGRATION_MAX_BYTES);
    *text = bytes;
    return E_OK;
}

/* Keeps the array sorted; the same version twice has no order. */
static enum err_code add(struct migration *items, size_t *count, struct migration migration, struct err *err)
{
    size_t at = *count;
    for (; at > 0 && items[at - 1].version >= migration.version; at--)
    {
        if (items[at - 1].version == migration.version)
            return fail(err, E_CONFIG, "two migrations have the version of %.100s", migration.name);
        items[at] = items[at - 1];
    }
    items[at] = migration;
    (*count)++;
    return E_OK;
}

static enum err_code read_one(struct arena *arena, const char *dir, const char *file,
                              struct migration *migration, struct err *err)
{
    struct arena *scratch = arena_new(MIGRATION_MAX_BYTES + 65536);
    const char *text = NULL;
    enum err_code code = read_name(arena, file, migration, err);
    if (scratch == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    const char *path = arena_printf(scratch, "%s/%s", dir, file);
    if (code == E_OK)
        code = path == NULL ? fail(err, E_NO_MEMORY, "out of memory") : read_text(scratch, path, &text, err);
    if (code == E_OK && (migration->sql = arena_strdup(arena, text)) == NULL)
        code = fail(err, E_NO_MEMORY, "out of memory");
    arena_free(scratch);
    return code;
}

enum err_code migrations_read(struct arena *arena, const char *dir, struct migration_list *list,
                              struct err *err)
{
    enum err_code code = E_OK;
    size_t count = 0;
    struct migration *items = arena_array(arena, MIGRATIONS_MAX_FILES, sizeof *items);
    if (items == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    DIR *folder = opendir(dir);
    if (folder == NULL)
        return fail(err, E_CONFIG, "cannot read the folder %.100s: %s", dir, strerror(errno));
    for (struct dirent *entry = readdir(folder); entry != NULL && code == E_OK; entry = readdir(folder))
    {
        struct migration migration = {0, NULL, NULL};
        if (!is_migration_file(entry))
            continue;
        if (count == MIGRATIONS_MAX_FILES)
            code = fail(err, E_CONFIG, "%.100s holds more than %d migrations", dir, MIGRATIONS_MAX_FILES);
        else
            code = read_one(arena, dir, entry->d_name, &migration, err);
        if (code == E_OK)
            code = add(items, &count, migration, err);
    }
    closedir(folder);
    if (code == E_OK)
        *list = (struct migration_list){items, count};
    return code;
}
