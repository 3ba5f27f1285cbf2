/* SPDX-License-Identifier: Apache-2.0 */
#include "workers/scout/search.h"

#include "common/base/log.h"
#include "common/catalog/catalog.h"
#include "common/json/write.h"
#include "common/store/page.h"
#include "workers/scout/scout.h"

#include <stdio.h>
#include <string.h>

enum
{
    MS = 1000,
    QUERY_MAX = 200,
    RESULT_MAX_BYTES = 256 << 10,
    ITEMS_MAX_BYTES = 160 << 10 /* one more, of the longest, fits on top */
};

struct found
{
    struct catalog_page page;
    bool cached;
    const char *warning; /* NULL, or which part of the answer was lost */
};

static enum err_code read_type(const char *text, enum provider_type *type, struct err *err)
{
    static const enum provider_type types[] = {PROVIDER_MULTI, PROVIDER_MOVIE, PROVIDER_TV};
    for (size_t i = 0; text != NULL && i < sizeof types / sizeof types[0]; i++)
    {
        if (strcmp(text, provider_type_name(types[i])) != 0)
            continue;
        *type = types[i];
        return E_OK;
    }
    return text == NULL ? E_OK : fail(err, E_INVALID, "type: must be multi, movie or tv");
}

static enum err_code read_payload(struct job *job, struct catalog_query *query, struct err *err)
{
    struct wanted
    {
        const char *query;
        const char *type;
        int64_t page;
    } wanted = {.page = 1};
    static const struct json_field fields[] = {
        {"query", JSON_TEXT, JSON_REQUIRED, offsetof(struct wanted, query), 1, QUERY_MAX},
        {"type", JSON_TEXT, JSON_OPTIONAL, offsetof(struct wanted, type), 0, 0},
        {"page", JSON_INT, JSON_OPTIONAL, offsetof(struct wanted, page), 1, TMDB_MAX_PAGE},
    };
    const struct json *payload = job_payload(job);
    if (payload == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    if (json_read(job_arena(job), payload, fields, sizeof fields / sizeof fields[0], &wanted, NULL, err) !=
        E_OK)
        return err->code;
    *query = (struct catalog_query){.query = catalog_words(job_arena(job), wanted.query),
                                    .page = (int)wanted.page};
    if (query->query[0] == '\0')
        return fail(err, E_INVALID, "query: must not be empty");
    return read_type(wanted.type, &query->type, err);
}

static enum err_code ask_tmdb(struct job *job, const struct scout_clients *clients,
                              const struct catalog_query *query, struct found *out, struct err *err)
{
    struct tmdb_page found = {0};
    struct db *db = NULL;
    const struct tmdb tmdb = {
        .http = clients->http,
        .base_url = clients->conf->tmdb_base_url,
        .api_key = clients->conf->tmdb_api_key,
        .cancel = job_stop_flag(job),
        .deadline_ms = clients->provider_ms,
        .addresses = clients->conf->allow_private_providers ? HTTP_ANY_ADDRESS : HTTP_PUBLIC_ONLY,
    };
    const struct tmdb_query asked = {query->query, query->type, query->page};
    enum err_code code = tmdb_search(&tmdb, &asked, job_arena(job), &found, err);
    if (code == E_OK)
        code = job_db(job, &db, err);
    if (code != E_OK)
        return code;
    const struct catalog_answer answer = {query, &found, clients->conf->search_cache_ttl_s};
    *out = (struct found){.warning = provider_loss_text(job_arena(job), &found.loss)};
    if (out->warning != NULL)
        log_warn("search_partial", "only a part was read: %s", out->warning);
    code = catalog_keep(db, clients->cache, job_arena(job), &answer, &out->page, err);
    db_put(db);
    return code;
}

/* A stale page may be used then: the provider is away, and may be for long. */
static bool is_away(enum err_code code)
{
    return code == E_PROVIDER || code == E_TIMEOUT;
}

static enum err_code find(struct job *job, const struct scout_clients *clients,
                          const struct catalog_query *query, struct found *found, struct err *err)
{
    struct catalog_page kept = {0};
    struct found asked = {0};
    struct err miss = ERR_INIT;
    bool there = catalog_find(clients->cache, job_arena(job), query, &kept, &miss) == E_OK;
    enum err_code code = E_OK;
    if (there && kept.age_ms < (int64_t)clients->conf->search_cache_ttl_s * MS)
    {
        *found = (struct found){.page = kept, .cached = true};
        return E_OK;
    }
    code = ask_tmdb(job, clients, query, &asked, err);
    if (code == E_OK)
        *found = asked;
    if (!there || !is_away(code))
        return code;
    log_warn("search_stale", "answers with what was found %lld s ago: %s", (long long)(kept.age_ms / MS),
             err->text);
    *found = (struct found){.page = kept, .cached = true};
    return E_OK;
}

static void put_items(struct json_writer *w, const struct json *items)
{
    size_t left = TMDB_PAGE_ITEMS;
    json_begin_array(w, "items");
    for (const struct json *item = json_first(items); item != NULL && left > 0;
         item = json_next(item), left--)
    {
        if (w->buf->len > ITEMS_MAX_BYTES)
            break;
        json_put_value(w, NULL, item);
    }
    json_end_array(w);
}

static void put_result(struct json_writer *w, const struct json *items, const struct catalog_query *query,
                       const struct found *found)
{
    bool more = (int64_t)query->page * TMDB_PAGE_ITEMS < found->page.total && query->page < TMDB_MAX_PAGE;
    char next[16];
    snprintf(next, sizeof next, "%d", query->page + 1);
    json_begin_object(w, NULL);
    put_items(w, items);
    json_put_int(w, "page", query->page);
    json_put_int(w, "limit", TMDB_PAGE_ITEMS);
    if (found->page.total > STORE_MAX_TOTAL)
        json_put_null(w, "total");
    else
        json_put_int(w, "total", found->page.total);
    json_put_text(w, "next", more ? next : NULL);
    json_put_bool(w, "cached", found->cached);
    json_put_text(w, "warning", found->warning);
    json_end_object(w);
}

static enum err_code keep_result(struct job *job, const struct catalog_query *query,
                                 const struct found *found, struct err *err)
{
    const struct json *items = NULL;
    struct arena *arena = job_arena(job);
    struct buf text;
    if (json_parse(arena, found->page.items, strlen(found->page.items), &items, err) != E_OK)
        return err->code == E_NO_MEMORY ? err->code : fail(err, E_BUG, "a page of titles is not JSON");
    buf_init(&text, RESULT_MAX_BYTES);
    struct json_writer w = json_writer(&text);
    put_result(&w, items, query, found);
    return job_take_result(job, &text, err);
}

enum err_code search_run(struct job *job, struct err *err)
{
    struct scout *scout = job_context(job);
    const struct scout_clients *clients = NULL;
    struct catalog_query query = {0};
    struct found found = {0};
    if (read_payload(job, &query, err) != E_OK)
        return err->code;
    log_info("job_received", "a search, attempt %d", job_attempt(job));
    if (scout_clients_get(scout, &clients, err) != E_OK)
        return err->code;
    enum err_code code = find(job, clients, &query, &found, err);
    scout_clients_put(scout, clients);
    return code == E_OK ? keep_result(job, &query, &found, err) : code;
}
