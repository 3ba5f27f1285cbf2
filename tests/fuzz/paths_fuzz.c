/* SPDX-License-Identifier: Apache-2.0 */
/* Any lines as paths of a torrent's files: each part is one name that goes nowhere, and no two files have the
 * same path. */
#include "common/media/filename.h"
#include "common/media/paths.h"
#include "tests/fuzz/text.h"

#include <stdbool.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

enum
{
    MAX_FILES = 40
};

static void need(bool holds)
{
    if (!holds)
        abort();
}

static void check_name(const char *name)
{
    char mended[FILENAME_SIZE];
    char again[FILENAME_SIZE];
    struct err err = ERR_INIT;
    filename_clean(name, mended);
    need(mended[0] != '\0' && mended[0] != '.' && strpbrk(mended, "/\\<>:\"|?*") == NULL);
    need(!filename_is_dangerous(mended));
    if (filename_mend(name, strlen(name), mended, &err) != E_OK)
        return;
    need(mended[0] != '\0' && strchr(mended, '/') == NULL && strcmp(mended, ".") != 0 &&
         strcmp(mended, "..") != 0);
    need(filename_mend(mended, strlen(mended), again, &err) == E_OK && strlen(again) <= strlen(mended));
}

static void check_paths(struct arena *arena, const char **paths, size_t count)
{
    struct err err = ERR_INIT;
    if (paths_tell_apart(arena, paths, count, &err) != E_OK)
        return;
    for (size_t i = 0; i < count; i++)
        for (size_t j = i + 1; j < count; j++)
            need(strcmp(paths[i], paths[j]) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const char *paths[MAX_FILES];
    size_t count = 0;
    struct arena *arena = arena_new((size_t)8 << 20);
    char *text = fuzz_text(bytes, len);
    char *rest = NULL;
    need(arena != NULL);
    for (char *one = strtok_r(text, "\n", &rest); one != NULL && count < MAX_FILES;
         one = strtok_r(NULL, "\n", &rest))
    {
        check_name(one);
        paths[count++] = one;
    }
    check_paths(arena, paths, count);
    free(text);
    arena_free(arena);
    return 0;
}
