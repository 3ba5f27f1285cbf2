/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as a magnet link: what is taken can be written and read again to the same hashes. */
/* part: S42 */
#include "common/media/magnet.h"
#include "tests/fuzz/text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void check(struct arena *arena, const struct magnet *magnet)
{
    struct magnet again;
    struct buf buf;
    struct err err = ERR_INIT;
    buf_init(&buf, (size_t)1 << 20);
    magnet_write(&buf, magnet);
    if (buf.failed)
        abort();
    if (buf.len <= MAGNET_MAX_LEN &&
        (magnet_parse(arena, buf.data, &again, &err) != E_OK ||
         memcmp(&again.hash, &magnet->hash, sizeof again.hash) != 0 ||
         strcmp(again.name, magnet->name) != 0 || again.trackers.count != magnet->trackers.count))
        abort();
    buf_fini(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct arena *arena = arena_new((size_t)1 << 20);
    struct magnet magnet;
    struct err err = ERR_INIT;
    char *text = fuzz_text(bytes, len);
    if (arena == NULL)
        abort();
    if (magnet_parse(arena, text, &magnet, &err) == E_OK)
        check(arena, &magnet);
    else if (err.text[0] == '\0')
        abort();
    free(text);
    arena_free(arena);
    return 0;
}
