/* SPDX-License-Identifier: Apache-2.0 */
/* Any lines as the head of a request, with the bytes that it takes: it is judged, and what is taken is a
 * path. */
#include "api/screen.h"
#include "tests/fuzz/text.h"

#include <stdbool.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void need(bool holds)
{
    if (!holds)
        abort();
}

static void check_target(struct request *req, const char *uri)
{
    const char *query = NULL;
    struct err err = ERR_INIT;
    if (screen_target(req, uri, &query, &err) == E_OK)
    {
        need(query != NULL && strpbrk(req->target, "?#") == NULL);
        for (const char *at = req->target; *at != '\0'; at++)
            need(*at > ' ' && *at < 0x7f);
    }
    else
        need(err.text[0] != '\0');
}

/* The first line is the target, the others are header lines; each is as long as the library would say. */
static void check_head(struct request *req, char *text)
{
    struct screen screen = {.req = req};
    struct err err = ERR_INIT;
    char *rest = NULL;
    const char *first = strtok_r(text, "\n", &rest);
    const char *target = first != NULL ? first : "/";
    for (char *one = strtok_r(NULL, "\n", &rest); one != NULL; one = strtok_r(NULL, "\n", &rest))
    {
        char *value = strchr(one, ':');
        if (value != NULL)
            screen_header(&screen, one, (size_t)(value - one), value + 1, strlen(value + 1));
    }
    const struct screen_line line = {"GET", target, "HTTP/1.1"};
    const enum err_code code = screen_end(&screen, &line, screen.bytes + strlen(target) + 16, &err);
    need(code == E_OK || code == E_INVALID || code == E_HEADERS || code == E_VERSION);
    screen_request_id(req);
    need(req->id[0] != '\0' && strlen(req->id) < REQUEST_ID_SIZE &&
         strspn(req->id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
             strlen(req->id));
    check_target(req, target);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct arena *arena = arena_new((size_t)8 << 20);
    struct request *req = calloc(1, sizeof *req);
    char *text = malloc(len + sizeof "\n\n");
    need(arena != NULL && req != NULL && text != NULL);
    req->arena = arena;
    if (len > 0)
        memcpy(text, bytes, len);
    memcpy(text + len, "\n\n", sizeof "\n\n"); /* a head ends with an empty line, which is looked at */
    check_head(req, text);
    free(text);
    free(req);
    arena_free(arena);
    return 0;
}
