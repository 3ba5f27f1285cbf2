/* SPDX-License-Identifier: Apache-2.0 */
#include "workers/scout/known.h"

#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/json/json.h"
#include "common/json/write.h"

#include <string.h>

enum
{
    MS = 1000,
    VALUE_MAX_BYTES = 64 << 10
};

static const char *key_of(struct arena *arena, const struct tmdb_wanted *wanted)
{
    return arena_printf(arena, "known:1:%s:%lld:%d:%d", provider_type_name(wanted->type),
                        (long long)wanted->tmdb_id, wanted->season, wanted->episode);
}

/* {"names":[…],"air_date":…,"absolute":…} */
static bool read_value(struct arena *arena, const char *value, size_t len, struct tmdb_known *known)
{
    const struct json *doc = NULL;
    struct err ignored = ERR_INIT;
    known->names = arena_array(arena, TMDB_MAX_NAMES, sizeof *known->names);
    if (known->names == NULL || json_parse(arena, value, len, &doc, &ignored) != E_OK || !json_is_object(doc))
        return false;
    for (const struct json *name = json_first(json_get(doc, "names"));
         name != NULL && known->name_count < TMDB_MAX_NAMES; name = json_next(name))
        known->names[known->name_count++] = json_text(name, "");
    known->air_date = json_text(json_get(doc, "air_date"), NULL);
    known->absolute = (int)json_int(json_get(doc, "absolute"), 0);
    return true;
}

static bool find_in_cache(struct cache *cache, struct arena *arena, const char *key, struct tmdb_known *known)
{
    const char *value = NULL;
    size_t len = 0;
    struct err ignored = ERR_INIT;
    return cache != NULL && cache_get(cache, key, arena, &value, &len, &ignored) == E_OK &&
           read_value(arena, value, len, known);
}

static void keep_in_cache(const struct scout_clients *clients, const char *key,
                          const struct tmdb_known *known)
{
    struct buf value;
    struct err ignored = ERR_INIT;
    if (clients->cache == NULL || clients->conf->search_cache_ttl_s == 0)
        return;
    buf_init(&value, VALUE_MAX_BYTES);
    struct json_writer w = json_writer(&value);
    json_begin_object(&w, NULL);
    json_begin_array(&w, "names");
    for (size_t i = 0; i < known->name_count; i++)
        json_put_text(&w, NULL, known->names[i]);
    json_end_array(&w);
    json_put_text(&w, "air_date", known->air_date);
    json_put_int(&w, "absolute", known->absolute);
    json_end_object(&w);
    if (!value.failed) /* a failure is logged by the door; the next search asks TMDB again */
        (void)!cache_set(clients->cache, key, value.data, value.len,
                         (int64_t)clients->conf->search_cache_ttl_s * MS, &ignored);
    buf_fini(&value);
}

struct tmdb_known known_find(struct job *job, const struct scout_clients *clients,
                             const struct tmdb_wanted *wanted)
{
    struct tmdb_known known = {0};
    struct err err = ERR_INIT;
    const char *key = key_of(job_arena(job), wanted);
    const struct tmdb tmdb = {
        .http = clients->http,
        .base_url = clients->conf->tmdb_base_url,
        .api_key = clients->conf->tmdb_api_key,
        .cancel = job_stop_flag(job),
        .deadline_ms = clients->provider_ms < KNOWN_CALL_MS ? clients->provider_ms : KNOWN_CALL_MS,
        .addresses = clients->conf->allow_private_providers ? HTTP_ANY_ADDRESS : HTTP_PUBLIC_ONLY,
    };
    if (key == NULL || clients->conf->tmdb_api_key[0] == '\0' ||
        find_in_cache(clients->cache, job_arena(job), key, &known))
        return known;
    if (tmdb_known(&tmdb, wanted, job_arena(job), &known, &err) == E_OK)
        keep_in_cache(clients, key, &known);
    else if (err.code != E_NOT_FOUND)
        log_warn("known", "releases are compared with the title alone: %s", err.text);
    return known;
}
