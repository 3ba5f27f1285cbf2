/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a piece of a target: what is decoded is UTF-8 without control characters, and no longer than
 * it was. */
#include "api/query.h"
#include "common/base/utf8.h"
#include "tests/fuzz/text.h"

#include <stdbool.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void need(bool holds)
{
    if (!holds)
        abort();
}

static void check_decoded(struct arena *arena, const char *text, size_t len, enum query_plus plus)
{
    const char *out = NULL;
    struct err err = ERR_INIT;
    const enum err_code code = query_decode(arena, text, len, plus, &out, &err);
    if (code != E_OK)
    {
        need((code == E_INVALID || code == E_REFUSED) && err.text[0] != '\0');
        return;
    }
    need(strlen(out) <= len && utf8_valid(out, strlen(out)));
    for (const char *at = out; *at != '\0'; at++)
        need((unsigned char)*at >= 0x20);
}

static void check_parsed(struct arena *arena, const char *text)
{
    struct err err = ERR_INIT;
    struct request *req = calloc(1, sizeof *req);
    need(req != NULL);
    req->arena = arena;
    const enum err_code code = query_parse(req, text, &err);
    need(code == E_OK || code == E_INVALID || code == E_REFUSED);
    free(req);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct arena *arena = arena_new((size_t)8 << 20);
    char *text = fuzz_text(bytes, len);
    need(arena != NULL);
    check_decoded(arena, text, len, PLUS_IS_BLANK);
    check_decoded(arena, text, len, PLUS_IS_PLUS);
    check_parsed(arena, text);
    free(text);
    arena_free(arena);
    return 0;
}
