/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/buf.h"
#include "common/http/gunzip.h"
#include "common/http/url.h"
#include "common/media/magnet.h"
#include "common/provider/exchange.h"
#include "common/provider/prowlarr.h"
#include "common/provider/prowlarr_link.h"

#include <string.h>

enum
{
    SCRATCH_BYTES = 32 << 20,
    MAX_LINK_BYTES = 65536,
    MAX_HOPS = 4
};

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* What we read of a magnet link, written anew: nobody behind this reads another's spelling. */
static enum err_code take_magnet(struct arena *arena, const char *text, const char **link, struct err *err)
{
    struct magnet magnet;
    struct err why = ERR_INIT;
    struct buf buf;
    enum err_code code = magnet_parse(arena, text, &magnet, &why);
    if (code == E_NO_MEMORY)
        return fail(err, code, "out of memory");
    if (code != E_OK)
        return fail(err, E_REFUSED, "Prowlarr sent a broken magnet link: %s", why.text);
    buf_init(&buf, MAX_LINK_BYTES);
    magnet_write(&buf, &magnet);
    *link = buf_keep(&buf, arena);
    return *link != NULL ? E_OK : fail(err, E_NO_MEMORY, "out of memory");
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Some indexers send their answer through a template: blanks, line ends, a mark of UTF-8 around it. */
static void trim(const char **text, size_t *len)
{
    static const char mark[] = "\xEF\xBB\xBF";
    const char *from = *text;
    const char *end = from + *len;
    bool more = true;
    while (more)
    {
        while (from < end && is_blank(*from))
            from++;
        more = end - from >= 3 && memcmp(from, mark, 3) == 0;
        from += more ? 3 : 0;
    }
    while (end > from && is_blank(end[-1]))
        end--;
    *text = from;
    *len = (size_t)(end - from);
}

/* Some servers send the file as it lies on their disk, gzipped, and do not say so. */
static enum err_code unpack(const char **body, size_t *len, struct arena *scratch, struct err *err)
{
    char *plain = arena_alloc(scratch, PROWLARR_MAX_TORRENT_BYTES + 1);
    if (plain == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    if (!gunzip(*body, *len, plain, PROWLARR_MAX_TORRENT_BYTES, len))
        return fail(err, E_REFUSED, "Prowlarr sent a gzipped file that is broken or too large");
    plain[*len] = '\0';
    *body = plain;
    return E_OK;
}

/* The body of a 200: a .torrent is a bencoded dictionary, some indexers answer the magnet as text. */
static enum err_code take_body(const struct http_response *response, struct arena *scratch,
                               struct arena *arena, struct prowlarr_target *out, struct err *err)
{
    const char *body = response->body;
    size_t len = response->len;
    enum err_code code = gunzip_fits(body, len) ? unpack(&body, &len, scratch, err) : E_OK;
    if (code != E_OK)
        return code;
    trim(&body, &len);
    if (link_is_magnet(body))
        return take_magnet(arena, body, &out->magnet, err);
    if (len < 2 || body[0] != 'd')
        return fail(err, E_REFUSED, "Prowlarr sent something that is not a torrent");
    out->torrent = arena_strndup(arena, body, len);
    out->torrent_len = len;
    return out->torrent != NULL ? E_OK : fail(err, E_NO_MEMORY, "out of memory");
}

/* An address as it may be sent: servers put blanks and Latin-1 there as they are. */
static const char *escape(struct arena *scratch, const char *location)
{
    struct buf buf;
    buf_init(&buf, MAX_LINK_BYTES);
    for (const char *at = location; *at != '\0'; at++)
        buf_addf(&buf, (unsigned char)*at <= ' ' || (unsigned char)*at >= 0x7f ? "%%%02X" : "%c",
                 (unsigned char)*at);
    return buf_keep(&buf, scratch);
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
    const struct prowlarr *prowlarr = walk->prowlarr;
    const char *from = walk->url;
    walk->url = NULL;
    if (location[0] == '\0')
        return fail(err, E_REFUSED, "Prowlarr redirects this download and does not say where to");
    if (link_is_magnet(location))
        return take_magnet(arena, location, &walk->target.magnet, err);
    const char *escaped = escape(walk->scratch, location);
    walk->url = escaped == NULL ? NULL : url_resolve(walk->scratch, from, escaped);
    if (walk->url == NULL ||
        (!url_same_origin(walk->url, prowlarr->base_url) &&
         (prowlarr->redirect_hosts == NULL || !url_is_on(walk->url, prowlarr->redirect_hosts) ||
          !url_is_web_port(walk->url))))
        return fail(err, E_REFUSED,
                    "Prowlarr sends this download to another server; PROWLARR_REDIRECT_HOSTS can allow it");
    return E_OK;
}

/* Prowlarr hands on what the indexer answered: a 403 is of this link, and no word about our key. */
static enum err_code judge(const struct http_response *response, struct err *err)
{
    int status = response->status;
    bool is_of_link =
        status >= 400 && status <= 499 && status != 401 && status != 404 && status != 408 && status != 429;
    if (is_of_link)
        return fail(err, E_REFUSED, "the download link was refused with status %d", status);
    return exchange_judge("Prowlarr", response, err);
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
                                .header_count = url_same_origin(walk->url, walk->prowlarr->base_url) ? 1 : 0,
                                .cancel = walk->prowlarr->cancel,
                                .deadline_ms = walk->prowlarr->deadline_ms,
                                .addresses = walk->prowlarr->addresses,
                                .max_body_bytes = PROWLARR_MAX_TORRENT_BYTES};
    enum err_code code = exchange_get(&exchange, walk->scratch, &response, err);
    if (code == E_OK && is_redirect(response.status))
        return follow(walk, response.location, arena, err);
    if (code == E_OK)
        code = judge(&response, err);
    walk->url = NULL;
    return code == E_OK ? take_body(&response, walk->scratch, arena, &walk->target, err) : code;
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
    return fail(err, E_REFUSED, "Prowlarr redirects without end");
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
