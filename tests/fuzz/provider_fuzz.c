/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any answer of TMDB, of Prowlarr and of a download link: what is read of it obeys provider.h, and the key
 * never comes out.  The first byte chooses the call, the first line is where a link redirects to, the rest is
 * the body.
 */
#include "common/base/log.h"
#include "common/base/utf8.h"
#include "common/http/http.h"
#include "common/provider/prowlarr.h"
#include "common/provider/tmdb.h"

#include <stdlib.h>
#include <string.h>

#define KEY "0123456789abcdef"
#define BASE "http://127.0.0.1:9696"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static const char *body;
static size_t body_len;
static const char *location;

/* Stands for the door to libcurl: every call has the same answer. */
enum err_code http_send(struct http_client *client, const struct http_request *request, struct arena *arena,
                        struct http_response *response, struct err *err)
{
    (void)client;
    (void)request;
    *response = (struct http_response){.status = location[0] != '\0' ? 302 : 200,
                                       .body = arena_strndup(arena, body, body_len),
                                       .len = body_len,
                                       .content_type = "",
                                       .location = location};
    return response->body != NULL ? E_OK : fail(err, E_NO_MEMORY, "out of memory");
}

static void need(bool holds)
{
    if (!holds)
        abort();
}

/* NULL, or as the header says. */
static void check_text(const char *text, size_t max_bytes)
{
    size_t len = text == NULL ? 0 : strlen(text);
    need(len <= max_bytes && (text == NULL || (len > 0 && utf8_valid(text, len))));
    for (size_t i = 0; i < len; i++)
        need((unsigned char)text[i] >= ' ' && text[i] != 0x7f);
}

static void check_media(const struct provider_media *media)
{
    need(media->tmdb_id > 0 && media->title != NULL && media->type != PROVIDER_MULTI);
    need(media->vote >= 0 && media->vote <= 10 && media->runtime_min >= 0 && media->seasons >= 0);
    need(media->genre_count <= PROVIDER_MAX_GENRES);
    check_text(media->title, PROVIDER_TITLE_BYTES);
    check_text(media->original_title, PROVIDER_TITLE_BYTES);
    check_text(media->overview, PROVIDER_TEXT_BYTES);
    check_text(media->poster_url, PROVIDER_URL_BYTES);
    check_text(media->imdb_id, 16);
    for (size_t i = 0; i < media->genre_count; i++)
        check_text(media->genres[i], 64);
}

static void check_release(struct arena *arena, const struct provider_release *release)
{
    need(release->guid != NULL && release->title != NULL && release->size_bytes >= 0);
    need(release->seeders >= -1 && release->leechers >= -1 && release->age_days >= -1);
    need(release->magnet != NULL || release->info_hash != NULL || release->download_url != NULL);
    check_text(release->title, PROVIDER_TITLE_BYTES);
    check_text(release->indexer, 128);
    check_text(release->magnet, PROVIDER_MAGNET_BYTES);
    check_text(release->download_url, PROVIDER_URL_BYTES);
    need(release->download_url == NULL || strstr(release->download_url, KEY) == NULL);
    need(strstr(release->guid, KEY) == NULL && provider_release_key(arena, release) != NULL);
    size_t digits = release->info_hash == NULL ? 40 : strlen(release->info_hash);
    need(digits == 40 || digits == 64);
}

static void ask_tmdb(uint8_t what, struct arena *arena)
{
    const struct tmdb tmdb = {.base_url = BASE, .api_key = KEY};
    const struct tmdb_query query = {"a", (enum provider_type)(what % 3), 1};
    const struct tmdb_wanted wanted = {PROVIDER_TV, 7, 2, 3};
    struct tmdb_page page;
    struct provider_media media;
    struct tmdb_known known;
    struct err err = ERR_INIT;
    if (tmdb_search(&tmdb, &query, arena, &page, &err) == E_OK)
        for (size_t i = 0; i < page.count; i++)
            check_media(&page.items[i]);
    if (tmdb_details(&tmdb, what % 2 == 0 ? PROVIDER_MOVIE : PROVIDER_TV, 7, arena, &media, &err) == E_OK)
        check_media(&media);
    if (tmdb_known(&tmdb, &wanted, arena, &known, &err) == E_OK)
        for (size_t i = 0; i < known.name_count; i++)
            check_text(known.names[i], PROVIDER_TITLE_BYTES);
    need(err.code == E_OK || (err.text[0] != '\0' && strstr(err.text, KEY) == NULL));
}

static void ask_prowlarr(struct arena *arena)
{
    const struct prowlarr prowlarr = {.base_url = BASE, .api_key = KEY, .redirect_hosts = "indexer.example"};
    const struct prowlarr_query query = {.query = "a"};
    struct prowlarr_result found;
    struct err err = ERR_INIT;
    if (prowlarr_search_all(&prowlarr, &query, NULL, arena, &found, &err) == E_OK)
        for (size_t i = 0; i < found.count; i++)
            check_release(arena, &found.items[i]);
    need(err.code == E_OK || (err.text[0] != '\0' && strstr(err.text, KEY) == NULL));
}

static void follow_link(struct arena *arena)
{
    const struct prowlarr prowlarr = {.base_url = BASE, .api_key = KEY, .redirect_hosts = "indexer.example"};
    struct prowlarr_target target = {0};
    struct err err = ERR_INIT;
    enum err_code code =
        prowlarr_resolve(&prowlarr, BASE "/1/download?apikey=~apikey~", arena, &target, &err);
    if (code == E_OK)
        need((target.magnet != NULL) != (target.torrent != NULL) &&
             (target.magnet != NULL ? strncmp(target.magnet, "magnet:?xt=urn:bt", 17) == 0
                                    : target.torrent[0] == 'd' && target.torrent_len > 1));
    need(err.code == E_OK || (err.text[0] != '\0' && strstr(err.text, KEY) == NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct arena *arena = arena_new((size_t)64 << 20);
    uint8_t what = len > 0 ? bytes[0] : 0;
    const uint8_t *rest = bytes + (len > 0 ? 1 : 0);
    size_t rest_len = len > 0 ? len - 1 : 0;
    const uint8_t *end = what >= 128 && rest_len > 0 ? memchr(rest, '\n', rest_len) : NULL;
    if (arena == NULL)
        abort();
    log_set_level(LOG_ERROR);
    location = end == NULL ? "" : arena_strndup(arena, (const char *)rest, (size_t)(end - rest));
    body = (const char *)(end == NULL ? rest : end + 1);
    body_len = end == NULL ? rest_len : rest_len - (size_t)(end - rest) - 1;
    if (what >= 64)
        follow_link(arena);
    else if (what % 2 == 0)
        ask_prowlarr(arena);
    else
        ask_tmdb(what / 2, arena);
    arena_free(arena);
    return 0;
}
