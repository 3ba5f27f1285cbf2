/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http/url.h"
#include "common/provider/exchange.h"
#include "common/provider/prowlarr.h"
#include "common/provider/prowlarr_link.h"

#include <string.h>

enum
{
    SCRATCH_BYTES = 32 << 20,
    MAX_HOPS = 4
};

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* A magnet link as far as it is printable text; NULL if it is none. */
static const char *take_magnet(struct arena *arena, const char *text)
{
    size_t len = strcspn(text, " \t\r\n");
    if (!link_is_magnet(text) || len > PROVIDER_MAGNET_BYTES ||
        text[len + strspn(text + len, " \t\r\n")] != '\0')
        return NULL;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return NULL;
    return arena_strndup(arena, text, len);
}

/* The body of a 200: a .torrent is a bencoded dictionary, some indexers answer the magnet as text. */
static enum err_code take_body(const struct http_response *response, struct arena *arena,
                               struct prowlarr_target *out, struct err *err)
{
    struct prowlarr_target target = {.magnet = take_magnet(arena, response->body)};
    if (target.magnet == NULL && (response->len < 2 || response->body[0] != 'd'))
        return fail(err, E_PROVIDER, "Prowlarr sent something that is not a torrent");
    if (target.magnet == NULL)
    {
        target.torrent = arena_strndup(arena, response->body, response->len);
        target.torrent_len = response->len;
    }
    if (arena_failed(arena))
        return fail(err, E_NO_MEMORY, "out of memory");
    *out = target;
    return E_OK;
}

/* On the way from a link to what it leads to. */
struct walk
{
    const struct prowlarr *prowlarr;
    struct arena *scratch;
    const char *url; /* where to ask next; NULL once the target is found */
    struct prowlarr_target target;
};

static enum err_code follow(struct walk *walk, const char *location, struct arena *arena, struct err *err)
{
    if (link_is_magnet(location))
    {
        walk->url = NULL;
        walk->target.magnet = take_magnet(arena, location);
        return walk->target.magnet != NULL ? E_OK
                                           : fail(err, E_PROVIDER, "Prowlarr sent a broken magnet link");
    }
    walk->url = url_resolve(walk->scratch, walk->url, location);
    if (walk->url == NULL || !url_same_origin(walk->url, walk->prowlarr->base_url))
        return fail(err, E_REFUSED, "Prowlarr sends this download to another server");
    return E_OK;
}

static enum err_code take_step(struct walk *walk, struct arena *arena, struct err *err)
{
    const char *key = walk->prowlarr->api_key;
    const struct http_header header = {"X-Api-Key", key != NULL ? key : ""};
    struct http_response response;
    struct exchange exchange = {.name = "Prowlarr",
                                .http = walk->prowlarr->http,
                                .url = walk->url,
                                .headers = &header,
                                .header_count = 1,
                                .cancel = walk->prowlarr->cancel,
                                .deadline_ms = walk->prowlarr->deadline_ms,
                                .addresses = walk->prowlarr->addresses,
                                .max_body_bytes = PROWLARR_MAX_TORRENT_BYTES};
    enum err_code code = exchange_get(&exchange, walk->scratch, &response, err);
    if (code == E_OK && is_redirect(response.status))
        return follow(walk, response.location, arena, err);
    if (code == E_OK)
        code = exchange_judge("Prowlarr", &response, err);
    walk->url = NULL;
    return code == E_OK ? take_body(&response, arena, &walk->target, err) : code;
}

static enum err_code resolve(struct walk *walk, struct arena *arena, struct prowlarr_target *out,
                             struct err *err)
{
    for (int hop = 0; hop < MAX_HOPS; hop++)
    {
        enum err_code code = take_step(walk, arena, err);
        if (code != E_OK)
            return code;
        if (walk->url != NULL)
            continue;
        *out = walk->target;
        return E_OK;
    }
    return fail(err, E_PROVIDER, "Prowlarr redirects without end");
}

enum err_code prowlarr_resolve(const struct prowlarr *prowlarr, const char *download_url, struct arena *arena,
                               struct prowlarr_target *out, struct err *err)
{
    if (prowlarr->base_url == NULL || prowlarr->base_url[0] == '\0')
        return fail(err, E_CONFIG, "Prowlarr is not configured");
    if (download_url == NULL || strnlen(download_url, PROVIDER_URL_BYTES + 1) > PROVIDER_URL_BYTES)
        return fail(err, E_REFUSED, "the download link cannot be used");
    if (!url_same_origin(download_url, prowlarr->base_url)) /* before the key is in it */
        return fail(err, E_REFUSED, "the download link does not lead to Prowlarr");
    struct walk walk = {.prowlarr = prowlarr, .scratch = arena_new(SCRATCH_BYTES)};
    if (walk.scratch != NULL)
        walk.url = link_unmask(walk.scratch, download_url, prowlarr->api_key);
    enum err_code code =
        walk.url == NULL ? fail(err, E_NO_MEMORY, "out of memory") : resolve(&walk, arena, out, err);
    arena_free(walk.scratch);
    return code;
}
