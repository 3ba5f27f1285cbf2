/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as a file of settings: every entry is a text with a line, or one sentence says what is wrong. */
#include "common/conf/envfile.h"
#include "tests/fuzz/text.h"

#include <stdbool.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void need(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct envfile file = {0};
    struct err err = ERR_INIT;
    struct arena *arena = arena_new((size_t)8 << 20);
    char *text = fuzz_text(bytes, len);
    need(arena != NULL);
    if (envfile_parse(arena, "fuzz.env", text, &file, &err) == E_OK)
        for (size_t i = 0; i < file.count; i++)
        {
            need(file.list[i].name[0] != '\0' && file.list[i].line > 0);
            need(strpbrk(file.list[i].name, "= \t\n") == NULL);
            need(envfile_get(&file, file.list[i].name) != NULL);
        }
    else
        need(err.text[0] != '\0' && strchr(err.text, '\n') == NULL);
    need(file.count <= ENVFILE_MAX_ENTRIES);
    free(text);
    arena_free(arena);
    return 0;
}
