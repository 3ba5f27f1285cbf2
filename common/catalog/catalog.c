/* SPDX-License-Identifier: Apache-2.0 */
#include "common/catalog/catalog.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/crypt/digest.h"
#include "common/json/write.h"
#include "common/store/media.h"

#include <ctype.h>
#include <string.h>

enum
{
    VALUE_MAX_BYTES = CACHE_MAX_BYTES
};

const char *catalog_key(struct arena *arena, const struct catalog_query *query)
{
    char *text =
        arena_printf(arena, "%s\n%d\n%s", provider_type_name(query->type), query->page, query->query);
    if (text == NULL)
        return NULL;
    for (char *c = text; *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    struct digest digest = digest_sha256(text, strlen(text));
    return arena_printf(arena, "search:1:%s", digest.hex);
}

static enum err_code get(struct cache *cache, struct arena *arena, const struct catalog_query *query,
                         const struct json **doc, struct err *err)
{
    const char *value = NULL;
    size_t len = 0;
    const char *key = catalog_key(arena, query);
    if (cache == NULL || key == NULL || cache_get(cache, key, arena, &value, &len, err) != E_OK ||
        json_parse(arena, value, len, doc, err) != E_OK || !json_is_array(json_get(*doc, "items")))
        return fail(err, E_NOT_FOUND, "not in the cache");
    return E_OK;
}

enum err_code catalog_find(struct cache *cache, struct arena *arena, const struct catalog_query *query,
                           struct catalog_page *page, struct err *err)
{
    const struct json *doc = NULL; /* {"at":…,"total":…,"items":[…]} */
    if (get(cache, arena, query, &doc, err) != E_OK)
        return err->code;
    int64_t at = json_int(json_get(doc, "at"), 0);
    int64_t age_ms = clock_wall_ms() - at;
    const char *text = json_print(arena, json_get(doc, "items"));
    if (at <= 0 || age_ms < 0 || text == NULL)
        return fail(err, E_NOT_FOUND, "not in the cache");
    *page = (struct catalog_page){text, json_int(json_get(doc, "total"), 0), age_ms};
    return E_OK;
}

enum err_code catalog_items(struct cache *cache, struct arena *arena, const struct catalog_query *query,
                            const struct json **items, struct err *err)
{
    const struct json *doc = NULL;
    if (get(cache, arena, query, &doc, err) != E_OK)
        return err->code;
    *items = json_get(doc, "items");
    return E_OK;
}

const char *catalog_words(struct arena *arena, const char *text)
{
    char *copy = arena_strdup(arena, text == NULL ? "" : text);
    if (copy == NULL)
        return "";
    size_t len = strlen(copy);
    for (size_t i = 0; i < len; i++)
    {
        if ((unsigned char)copy[i] < 0x20 || copy[i] == 0x7f)
            copy[i] = ' ';
    }
    while (len > 0 && copy[len - 1] == ' ')
        copy[--len] = '\0';
    return copy + strspn(copy, " ");
}

static void keep_in_cache(struct cache *cache, struct arena *arena, const struct catalog_answer *answer,
                          const struct catalog_page *page)
{
    struct buf value;
    struct err ignored = ERR_INIT;
    const char *key = catalog_key(arena, answer->query);
    buf_init(&value, VALUE_MAX_BYTES);
    struct json_writer w = json_writer(&value);
    json_begin_object(&w, NULL);
    json_put_int(&w, "at", clock_wall_ms());
    json_put_int(&w, "total", page->total);
    json_put_raw(&w, "items", page->items);
    json_end_object(&w);
    int64_t ttl_ms = (answer->fresh_s + CATALOG_STALE_S) * 1000;
    int64_t began_ms = clock_mono_ms();
    /* A failure is logged by the door; the next search asks TMDB again. */
    if (!value.failed && key != NULL &&
        cache_set(cache, key, value.data, value.len, ttl_ms, &ignored) == E_OK)
        log_info("cached", "a page of titles in %lld ms", (long long)(clock_mono_ms() - began_ms));
    buf_fini(&value);
}

enum err_code catalog_keep(struct db *db, struct cache *cache, struct arena *arena,
                           const struct catalog_answer *answer, struct catalog_page *page, struct err *err)
{
    const struct tmdb_page *found = answer->found;
    const size_t count = found->count < TMDB_PAGE_ITEMS ? found->count : TMDB_PAGE_ITEMS;
    struct media_new *media = arena_array(arena, count + 1, sizeof *media);
    if (media == NULL)
        return fail(err, E_NO_MEMORY, "no memory for titles");
    for (size_t i = 0; i < count; i++)
    {
        const struct provider_media *item = &found->items[i];
        media[i] = (struct media_new){
            .tmdb_id = item->tmdb_id,
            .media_type = provider_type_name(item->type),
            .title = item->title,
            .original_title = item->original_title,
            .overview = item->overview,
            .year = item->year,
            .release_date = item->release_date,
            .genres = item->genres,
            .genre_count = item->genre_count,
            .poster_url = item->poster_url,
            .backdrop_url = item->backdrop_url,
            .vote = item->vote,
        };
    }
    struct catalog_page kept = {.total = found->total_results};
    int64_t began_ms = clock_mono_ms();
    if (media_store_upsert(db, arena, media, count, &kept.items, err) != E_OK)
        return err->code;
    log_info("persisted", "%zu titles in %lld ms", count, (long long)(clock_mono_ms() - began_ms));
    if (cache != NULL)
        keep_in_cache(cache, arena, answer, &kept);
    *page = kept;
    return E_OK;
}
