/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any two lines as an address and a reference seen from it: what comes out is an address that means the same
 * when it is read again, and a mere path stays on its server.
 */
#include "common/http/url.h"
#include "tests/fuzz/text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void need(bool holds)
{
    if (!holds)
        abort();
}

static bool is_path(const char *reference)
{
    return reference[0] == '/' && reference[1] != '/' && reference[1] != '\\';
}

static void check_resolved(struct arena *arena, const char *base, const char *reference, const char *url)
{
    need(strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0);
    for (const char *at = url; *at != '\0'; at++)
        need((unsigned char)*at > ' ' && *at != 0x7f);
    need(url_same_origin(url, url));
    const char *again = url_resolve(arena, base, url);
    need(again != NULL && strcmp(again, url) == 0);
    need(url_same_origin(again, base) == url_same_origin(base, again));
    if (is_path(reference) || reference[0] == '?' || reference[0] == '#' || reference[0] == '\0')
        need(url_same_origin(url, base));
}

static void check(struct arena *arena, const char *base, const char *reference)
{
    const char *url = url_resolve(arena, base, reference);
    if (url != NULL)
        check_resolved(arena, base, reference, url);
    need(url_same_origin(base, reference) == url_same_origin(reference, base));
    need(!url_is_on(base, "") && !url_is_on(base, " , ,"));
    if (url_is_on(base, "indexer.example") && url_is_on(reference, "indexer.example"))
        need(!url_is_on(base, "xindexer.example, indexer.example.x"));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct arena *arena = arena_new((size_t)4 << 20);
    const uint8_t *end = len > 0 ? memchr(bytes, '\n', len) : NULL;
    size_t first = end != NULL ? (size_t)(end - bytes) : len;
    size_t rest = end != NULL ? len - first - 1 : 0;
    char *base = fuzz_text(bytes, first);
    char *reference = fuzz_text(bytes + (end != NULL ? first + 1 : first), rest);
    if (arena == NULL)
        abort();
    check(arena, base, reference);
    free(base);
    free(reference);
    arena_free(arena);
    return 0;
}
