/* SPDX-License-Identifier: Apache-2.0 */
/* Any text in a line of the log: it is one line, one JSON object, and does not show the secret that stands in
 * it. */
#include "common/base/arena.h"
#include "common/base/log.h"
#include "common/base/mask.h"
#include "common/json/json.h"
#include "tests/fuzz/text.h"

#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

enum
{
    LINE_MAX_BYTES = 1 << 20
};

static const char secret[] = "thesecretofthefuzzer";
static char line[LINE_MAX_BYTES];

static void need(bool holds)
{
    if (!holds)
        abort();
}

/* What the log writes to the error stream, which is kept aside meanwhile. */
static size_t written(const char *text)
{
    static int paper = -1;
    if (paper < 0)
    {
        paper = memfd_create("log", 0);
        mask_secret(secret);
    }
    need(ftruncate(paper, 0) == 0 && lseek(paper, 0, SEEK_SET) == 0);
    const int stream = dup(STDERR_FILENO);
    need(stream >= 0 && dup2(paper, STDERR_FILENO) >= 0);
    log_event(LOG_ERROR, "fuzz", "%s", text);
    need(dup2(stream, STDERR_FILENO) >= 0);
    close(stream);
    const ssize_t len = pread(paper, line, sizeof line, 0);
    need(len > 0 && (size_t)len < sizeof line);
    return (size_t)len;
}

static void check(const char *text)
{
    const struct json *doc = NULL;
    struct err err = ERR_INIT;
    struct arena *arena = arena_new((size_t)8 << 20);
    const size_t len = written(text);
    need(line[len - 1] == '\n' && memchr(line, '\n', len - 1) == NULL);
    need(json_parse(arena, line, len - 1, &doc, &err) == E_OK && json_is_object(doc));
    need(memmem(line, len, secret, sizeof secret - 1) == NULL);
    arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char masked[256];
    const size_t half = len / 2;
    char *text = malloc(len + sizeof secret);
    need(text != NULL);
    if (half > 0)
        memcpy(text, bytes, half);
    memcpy(text + half, secret, sizeof secret - 1);
    if (len > half)
        memcpy(text + half + sizeof secret - 1, bytes + half, len - half);
    text[len + sizeof secret - 1] = '\0';
    need(mask_text(text, masked, sizeof masked) == strlen(masked));
    check(text);
    free(text);
    return 0;
}
