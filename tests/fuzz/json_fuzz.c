/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as JSON: what the strict look takes the parser takes, printed and read again it is the same, and
 * any text is written so that it can be read. */
#include "common/base/buf.h"
#include "common/json/json.h"
#include "common/json/scan.h"
#include "common/json/write.h"
#include "tests/fuzz/text.h"

#include <stdbool.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

enum
{
    ARENA_BYTES = 64 << 20
};

static void need(bool holds)
{
    if (!holds)
        abort();
}

static void check_strict(struct arena *arena, const char *text, size_t len)
{
    const struct json *doc = NULL;
    const struct json *again = NULL;
    enum scan_numbers numbers;
    struct err err = ERR_INIT;
    const bool scanned = scan_json(text, len, &numbers, &err) == E_OK;
    if (json_parse(arena, text, len, &doc, &err) != E_OK)
        return;
    need(scanned && strlen(text) == len);
    const char *printed = json_print(arena, doc);
    if (printed == NULL || json_parse(arena, printed, strlen(printed), &again, &err) != E_OK)
        abort();
    const char *twice = json_print(arena, again);
    need(twice != NULL && strcmp(printed, twice) == 0);
}

static void check_foreign(struct arena *arena, const char *text, size_t len)
{
    const struct json *doc = NULL;
    struct err err = ERR_INIT;
    size_t lost = 0;
    if (json_parse_foreign(arena, text, len, &doc, &lost, &err) == E_OK)
        need(json_print(arena, doc) != NULL);
}

static void check_written(struct arena *arena, const char *text, size_t len)
{
    const struct json *doc = NULL;
    struct err err = ERR_INIT;
    struct buf buf;
    buf_init(&buf, (size_t)1 << 20);
    struct json_writer w = json_writer(&buf);
    json_begin_array(&w, NULL);
    json_put_text_n(&w, NULL, text, len);
    json_end_array(&w);
    need(!buf.failed && memchr(buf.data, '\n', buf.len) == NULL && memchr(buf.data, '<', buf.len) == NULL);
    if (memchr(text, '\0', len) == NULL)
        need(json_parse(arena, buf.data, buf.len, &doc, &err) == E_OK && json_count(doc) == 1);
    buf_fini(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct arena *arena = arena_new(ARENA_BYTES);
    char *text = fuzz_text(bytes, len);
    need(arena != NULL);
    check_strict(arena, text, len);
    check_foreign(arena, text, len);
    check_written(arena, text, len);
    free(text);
    arena_free(arena);
    return 0;
}
