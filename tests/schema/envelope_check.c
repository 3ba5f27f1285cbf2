/* SPDX-License-Identifier: Apache-2.0 */
/* Asks the real decoder about each line of standard input, for tests/integration/test_schema.py.  Answers a
 * line each: "ok " and the envelope as the real encoder writes it, or "no " and why. */
#include "common/job/envelope.h"

#include <stdio.h>
#include <stdlib.h>

enum
{
    ARENA_BYTES = 8 * 1024 * 1024,
    TEXT_BYTES = 1024 * 1024
};

static void answer(struct arena *arena, const char *line, size_t len)
{
    struct envelope envelope;
    struct err err = ERR_INIT;
    if (envelope_decode(arena, line, len, &envelope, &err) != E_OK)
    {
        printf("no %s\n", err.text);
        return;
    }
    struct buf buf;
    buf_init(&buf, TEXT_BYTES);
    envelope_encode(&envelope, &buf);
    printf("ok %.*s\n", (int)buf.len, buf.failed ? "" : buf.data);
    buf_fini(&buf);
}

int main(void)
{
    struct arena *arena = arena_new(ARENA_BYTES);
    char *line = NULL;
    size_t size = 0;
    ssize_t len = 0;
    while (arena != NULL && (len = getline(&line, &size, stdin)) > 0)
    {
        answer(arena, line, (size_t)len - (line[len - 1] == '\n'));
        arena_reset(arena);
    }
    free(line);
    arena_free(arena);
    return arena == NULL;
}
