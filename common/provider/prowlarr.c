/* SPDX-License-Identifier: Apache-2.0 */
#include "common/provider/prowlarr.h"

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/json/json.h"
#include "common/media/infohash.h"
#include "common/provider/exchange.h"
#include "common/provider/prowlarr_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum
{
    SCRATCH_BYTES = 64 << 20,
    MAX_BODY_BYTES = 8 << 20,
    MAX_URL_BYTES = 16384,
    MAX_LIMIT = 1000,
    MAX_HASH_BYTES = 80,
    SEEN_SLOTS = 16384 /* a power of two, more than twice PROWLARR_MAX_RELEASES */
};

/* ---- asking ------------------------------------------------------------------------------ */

/* What is asked for when the caller names no categories: Torznab's films and series. */
static const struct
{
    const char *type;
    int category; /* 0: all */
} kinds[] = {
    [PROVIDER_MULTI] = {"search", 0}, [PROVIDER_MOVIE] = {"movie", 2000}, [PROVIDER_TV] = {"tvsearch", 5000}};

/* "Show" of season 1, episode 2 is searched as "Show S01E02": every indexer understands it. */
static const char *words_of(struct arena *scratch, const struct prowlarr_query *query)
{
    if (query->season <= 0)
        return query->query;
    if (query->episode <= 0)
        return arena_printf(scratch, "%s S%02d", query->query, query->season);
    return arena_printf(scratch, "%s S%02dE%02d", query->query, query->season, query->episode);
}

static const char *search_url(const struct prowlarr *prowlarr, const struct prowlarr_query *query, int limit,
                              struct arena *scratch)
{
    struct buf url;
    buf_init(&url, MAX_URL_BYTES);
    const char *base = exchange_base(scratch, prowlarr->base_url, "/api/v1");
    const char *words = words_of(scratch, query);
    const char *escaped = words == NULL ? NULL : http_escape(scratch, words);
    buf_addf(&url, "%s/api/v1/search?query=%s&type=%s&limit=%d&offset=%d", base != NULL ? base : "",
             escaped != NULL ? escaped : "", kinds[query->type].type, limit, query->offset);
    for (size_t i = 0; i < query->category_count; i++)
        buf_addf(&url, "&categories=%d", query->categories[i]);
    if (query->category_count == 0 && kinds[query->type].category > 0)
        buf_addf(&url, "&categories=%d", kinds[query->type].category);
    const char *text = url.failed || arena_failed(scratch) ? NULL : arena_strdup(scratch, url.data);
    buf_fini(&url);
    return text;
}

static enum err_code check_settings(const struct prowlarr *prowlarr, struct err *err)
{
    if (prowlarr->base_url == NULL || prowlarr->base_url[0] == '\0')
        return fail(err, E_CONFIG, "Prowlarr is not configured");
    return E_OK;
}

static int limit_of(const struct prowlarr_query *query)
{
    if (query->limit <= 0)
        return PROWLARR_PAGE_ITEMS;
    return query->limit < MAX_LIMIT ? query->limit : MAX_LIMIT;
}

/* ---- reading ----------------------------------------------------------------------------- */

/* In any of the spellings that people paste; blanks around it do no harm. */
static const char *read_hash(struct arena *arena, const struct json *value)
{
    struct infohash hash = {0};
    const char *text = exchange_text(arena, value, MAX_HASH_BYTES);
    if (text == NULL || !infohash_parse(text, strlen(text), &hash))
        return NULL;
    return arena_strdup(arena, hash.v1[0] != '\0' ? hash.v1 : hash.v2);
}

static const char *read_magnet(struct arena *arena, const struct json *value)
{
    const char *text = exchange_address(arena, value, PROVIDER_MAGNET_BYTES);
    return text != NULL && link_is_magnet(text) ? text : NULL;
}

static const char *read_link(const struct prowlarr *prowlarr, struct arena *arena, const struct json *value)
{
    const char *text = exchange_address(arena, value, PROVIDER_URL_BYTES);
    return text != NULL && link_is_web(text) ? link_mask(arena, text, prowlarr->api_key) : NULL;
}

/* What names the row beside its hash: as sent, be it a number; else by what it leads to. */
static const char *read_guid(const struct prowlarr *prowlarr, struct arena *arena, const struct json *value,
                             const struct provider_release *release)
{
    const char *text = exchange_address(arena, value, PROVIDER_MAGNET_BYTES);
    int64_t number = json_int(value, -1);
    if (text == NULL && number >= 0)
        text = arena_printf(arena, "%lld", (long long)number);
    if (text == NULL && release->info_hash != NULL)
        text = release->info_hash;
    if (text == NULL)
        text = release->magnet != NULL ? release->magnet : release->download_url;
    return text == NULL ? NULL : link_mask(arena, text, prowlarr->api_key);
}

static int count_or_unknown(const struct json *value)
{
    int64_t number = json_int(value, -1);
    return number >= 0 && number <= 100000000 ? (int)number : -1;
}

/* Categories come as numbers or as objects with an id. */
static void read_categories(const struct json *list, struct provider_release *release)
{
    size_t most = sizeof release->categories / sizeof release->categories[0];
    for (const struct json *at = json_first(list); at != NULL && release->category_count < most;
         at = json_next(at))
    {
        int64_t id = json_int(json_is_object(at) ? json_get(at, "id") : at, -1);
        if (id > 0 && id < 1000000)
            release->categories[release->category_count++] = (int)id;
    }
}

static void read_ways(const struct prowlarr *prowlarr, struct arena *arena, const struct json *item,
                      struct provider_release *release)
{
    const struct json *magnet = json_get(item, "magnetUrl");
    release->magnet = read_magnet(arena, magnet);
    if (release->magnet == NULL)
        release->magnet = read_magnet(arena, json_get(item, "guid"));
    if (release->magnet == NULL)
        release->magnet = read_magnet(arena, json_get(item, "downloadUrl"));
    release->info_hash = read_hash(arena, json_get(item, "infoHash"));
    release->download_url = read_link(prowlarr, arena, json_get(item, "downloadUrl"));
    if (release->download_url == NULL) /* a link through Prowlarr that answers 301 to the magnet */
        release->download_url = read_link(prowlarr, arena, magnet);
}

static bool is_torrent(const struct json *item)
{
    return strcasecmp(json_text(json_get(item, "protocol"), "torrent"), "torrent") == 0;
}

/* False: nothing one could name or get. */
static bool read_release(const struct prowlarr *prowlarr, struct arena *arena, const struct json *item,
                         struct provider_release *out)
{
    struct provider_release release = {.seeders = count_or_unknown(json_get(item, "seeders")),
                                       .leechers = count_or_unknown(json_get(item, "leechers")),
                                       .age_days = count_or_unknown(json_get(item, "age"))};
    release.title = exchange_text(arena, json_get(item, "title"), PROVIDER_TITLE_BYTES);
    if (release.title == NULL)
        return false;
    read_ways(prowlarr, arena, item, &release);
    if (release.magnet == NULL && release.info_hash == NULL && release.download_url == NULL)
        return false;
    release.guid = read_guid(prowlarr, arena, json_get(item, "guid"), &release);
    release.indexer = exchange_text(arena, json_get(item, "indexer"), 128);
    release.size_bytes = json_int(json_get(item, "size"), 0);
    if (release.size_bytes < 0)
        release.size_bytes = 0;
    if (!clock_parse(json_text(json_get(item, "publishDate"), ""), &release.published_ms))
        release.published_ms = 0;
    read_categories(json_get(item, "categories"), &release);
    *out = release;
    return release.guid != NULL;
}

static enum err_code read_page(const struct prowlarr *prowlarr, const struct json *doc, struct arena *arena,
                               struct prowlarr_page *out, struct err *err)
{
    if (!json_is_array(doc))
        return fail(err, E_PROVIDER, "Prowlarr sent something that is not a list of releases");
    struct prowlarr_page page = {.sent = json_count(doc)};
    size_t most = page.sent < PROWLARR_MAX_RELEASES ? page.sent : PROWLARR_MAX_RELEASES;
    page.items = arena_array(arena, most + 1, sizeof *page.items);
    const struct json *item = json_first(doc);
    for (; page.items != NULL && item != NULL && page.count < most; item = json_next(item))
    {
        if (!is_torrent(item))
            continue;
        if (read_release(prowlarr, arena, item, &page.items[page.count]))
            page.count++;
        else
            page.loss.rows++;
    }
    if (arena_failed(arena))
        return fail(err, E_NO_MEMORY, "out of memory");
    *out = page;
    return E_OK;
}

enum err_code prowlarr_search(const struct prowlarr *prowlarr, const struct prowlarr_query *query,
                              struct arena *arena, struct prowlarr_page *out, struct err *err)
{
    const struct json *doc = NULL;
    size_t lost = 0;
    enum err_code code = check_settings(prowlarr, err);
    if (code != E_OK)
        return code;
    if (query->query == NULL || query->query[0] == '\0')
        return fail(err, E_INVALID, "a search needs words");
    struct arena *scratch = arena_new(SCRATCH_BYTES);
    const char *url = scratch == NULL ? NULL : search_url(prowlarr, query, limit_of(query), scratch);
    struct http_header headers[] = {{"Accept", "application/json"},
                                    {"X-Api-Key", prowlarr->api_key != NULL ? prowlarr->api_key : ""}};
    struct exchange exchange = {.name = "Prowlarr",
                                .http = prowlarr->http,
                                .url = url,
                                .headers = headers,
                                .header_count = 2,
                                .cancel = prowlarr->cancel,
                                .deadline_ms = prowlarr->deadline_ms,
                                .addresses = prowlarr->addresses,
                                .max_body_bytes = MAX_BODY_BYTES};
    code = url == NULL ? fail(err, E_NO_MEMORY, "out of memory")
                       : exchange_get_json(&exchange, scratch, &doc, &lost, err);
    if (code == E_OK)
        code = read_page(prowlarr, doc, arena, out, err);
    if (code == E_OK)
        out->loss.values = lost;
    arena_free(scratch);
    return code;
}

/* ---- all pages --------------------------------------------------------------------------- */

/* The rows seen so far: a hash table that is never full. */
struct seen
{
    const char **slots;
};

static size_t hash_of(const char *text)
{
    uint64_t hash = 14695981039346656037U; /* FNV-1a */
    for (; *text != '\0'; text++)
        hash = (hash ^ (unsigned char)*text) * 1099511628211U;
    return (size_t)(hash ^ hash >> 32);
}

/* Offers of one torrent are kept apart: the best of them is not known yet. */
static const char *name_of(struct arena *arena, const struct provider_release *release)
{
    const char *key = provider_release_key(arena, release);
    return key == NULL ? NULL : arena_printf(arena, "%s\n%s", release->guid, key);
}

/* False: it was there already. */
static bool seen_add(struct seen *seen, const char *name)
{
    size_t at = hash_of(name) % SEEN_SLOTS;
    for (; seen->slots[at] != NULL; at = (at + 1) % SEEN_SLOTS)
        if (strcmp(seen->slots[at], name) == 0)
            return false;
    seen->slots[at] = name;
    return true;
}

/* A search under way. */
struct sweep
{
    struct prowlarr_result result;
    struct seen seen;
};

static size_t add_new(struct sweep *sweep, const struct prowlarr_page *page, struct arena *arena)
{
    size_t before = sweep->result.count;
    for (size_t i = 0; i < page->count && sweep->result.count < PROWLARR_MAX_RELEASES; i++)
    {
        const char *name = name_of(arena, &page->items[i]);
        if (name != NULL && seen_add(&sweep->seen, name))
            sweep->result.items[sweep->result.count++] = page->items[i];
    }
    return sweep->result.count - before;
}

static bool is_final(enum err_code code)
{
    return code == E_CANCELLED || code == E_NO_MEMORY;
}

/* Asks for the page after those of `sweep`; *more says whether another may follow. */
static enum err_code take_page(const struct prowlarr *prowlarr, struct prowlarr_query *query,
                               struct sweep *sweep, struct arena *arena, bool *more, struct err *err)
{
    struct prowlarr_page page = {0};
    int limit = limit_of(query);
    struct err cause = ERR_INIT;
    query->offset = sweep->result.pages * limit;
    enum err_code code = prowlarr_search(prowlarr, query, arena, &page, &cause);
    *more = false;
    if (code != E_OK && (sweep->result.pages == 0 || is_final(code)))
    {
        *err = cause;
        return code;
    }
    if (code != E_OK)
    {
        sweep->result.warning =
            arena_printf(arena, "page %d was not answered: %s", sweep->result.pages + 1, cause.text);
        return E_OK;
    }
    sweep->result.pages++;
    sweep->result.loss.rows += page.loss.rows;
    sweep->result.loss.values += page.loss.values;
    size_t added = add_new(sweep, &page, arena);
    if (arena_failed(arena))
        return fail(err, E_NO_MEMORY, "out of memory");
    if (sweep->result.count == PROWLARR_MAX_RELEASES)
        sweep->result.warning = "more releases than are kept";
    else
        *more = page.sent >= (size_t)limit && added > 0;
    return E_OK;
}

enum err_code prowlarr_search_all(const struct prowlarr *prowlarr, const struct prowlarr_query *query,
                                  const struct prowlarr_watch *watch, struct arena *arena,
                                  struct prowlarr_result *out, struct err *err)
{
    struct prowlarr_query page_query = *query;
    struct err ignored = ERR_INIT;
    struct sweep sweep = {0};
    bool more = true;
    err = err != NULL ? err : &ignored;
    sweep.seen.slots = arena_array(arena, SEEN_SLOTS, sizeof *sweep.seen.slots);
    sweep.result.items = arena_array(arena, PROWLARR_MAX_RELEASES, sizeof *sweep.result.items);
    if (sweep.seen.slots == NULL || sweep.result.items == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    while (more && sweep.result.pages < PROWLARR_MAX_PAGES)
    {
        enum err_code code = take_page(prowlarr, &page_query, &sweep, arena, &more, err);
        if (code == E_OK && watch != NULL)
            code = watch->page_done(watch->context, sweep.result.pages, sweep.result.count, err);
        if (code != E_OK)
            return code;
    }
    if (more)
        sweep.result.warning = "more pages than are asked for";
    *out = sweep.result;
    return E_OK;
}
