/* SPDX-License-Identifier: Apache-2.0 */
#include "api/handlers/search.h"

#include "api/dto/title.h"
#include "api/handlers/accept.h"
#include "api/handlers/answer.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/conf/conf.h"
#include "common/obs/health.h"
#include "common/store/peek.h"

#include <string.h>

enum
{
    FIRST_LOOK_MS = 25,
    MAX_LOOK_MS = 250,
    PAGE_BYTES = 4 << 20, /* of a page from the cache, parsed */
    MS = 1000
};

static struct job_new search_job(struct request *req, const struct id *id, const struct catalog_query *query)
{
    struct buf payload;
    buf_init(&payload, 4096);
    struct json_writer w = json_writer(&payload);
    json_begin_object(&w, NULL);
    json_put_text(&w, "query", query->query);
    json_put_int(&w, "page", query->page);
    json_put_text(&w, "type", provider_type_name(query->type));
    json_end_object(&w);
    struct job_new job = {
        .job_id = id->text,
        .kind = "search",
        .user_id = req->user.id.text,
        .request_id = req->id,
        .payload = payload.failed ? NULL : arena_strndup(req->arena, payload.data, payload.len),
        .priority = JOB_NORMAL,
    };
    buf_fini(&payload);
    return job;
}

/* Nobody waits for it: a failure costs no more than that the page stays stale, and it is no user's. */
static void refresh_later(struct request *req, const struct catalog_query *query)
{
    struct err ignored = ERR_INIT;
    struct accept_answer answer;
    struct id id = id_new();
    struct job_new job = search_job(req, &id, query);
    job.unique_key = catalog_key(req->arena, query);
    job.priority = JOB_LOW;
    job.user_id = ID_SYSTEM_USER;
    if (job.payload == NULL || accept_job(req, &job, &answer, &ignored) != E_OK)
        log_warn("search_refresh", "a stale search was not refreshed: %s", ignored.text);
}

static enum err_code ask_tmdb(struct request *req, const struct catalog_query *query,
                              struct catalog_page *page, struct err *err)
{
    const struct conf *conf = req->app->conf;
    struct db *db;
    struct tmdb_page found = {0};
    const struct tmdb tmdb = {
        .http = request_http(req),
        .base_url = conf->tmdb_base_url,
        .api_key = conf->tmdb_api_key,
        .deadline_ms = (int)conf->http_timeout_s * MS,
        .addresses = conf->allow_private_providers ? HTTP_ANY_ADDRESS : HTTP_PUBLIC_ONLY,
    };
    const struct tmdb_query asked = {query->query, query->type, query->page};
    if (tmdb.http == NULL)
        return fail(err, E_NO_MEMORY, "no memory for a search");
    if (tmdb_search(&tmdb, &asked, req->arena, &found, err) != E_OK)
        return err->code;
    if (request_db(req, &db, err) != E_OK)
        return err->code;
    const struct catalog_answer answer = {query, &found, conf->search_cache_ttl_s};
    return catalog_keep(db, request_cache(req), req->arena, &answer, page, err);
}

/* Whatever is wrong with the provider is 503 to a client; a 429 of its is none of ours. */
static enum err_code provider_failed(enum err_code code, struct err *err)
{
    const unsigned retry_after_s = err->retry_after_s;
    if (code != E_TOO_MANY && code != E_NOT_FOUND && code != E_CONFIG && code != E_TOO_LARGE &&
        code != E_REFUSED)
        return code;
    log_warn("search_failed", "%s", err->text);
    (void)fail(err, E_PROVIDER, "the film database cannot be asked at the moment");
    err->retry_after_s = retry_after_s;
    return err->code;
}

enum source
{
    CACHE_ONLY,
    CACHE_OR_PROVIDER
};

/* One page of TMDB's; *cached tells where it came from.  E_NOT_FOUND: not in the cache, and nobody was asked.
 */
static enum err_code find_page(struct request *req, const struct catalog_query *query, enum source source,
                               struct catalog_page *page, bool *cached, struct err *err)
{
    *cached = catalog_find(request_cache(req), req->arena, query, page, err) == E_OK;
    if (!*cached && source == CACHE_ONLY)
        return err->code;
    if (!*cached)
        return provider_failed(ask_tmdb(req, query, page, err), err);
    if (page->age_ms >= (int64_t)req->app->conf->search_cache_ttl_s * MS)
        refresh_later(req, query);
    return E_OK;
}

/* The answer's items as they are written, and the titles that are in them or on pages before them: TMDB's
 * pages overlap while its order changes. */
struct listing
{
    struct json_writer *w;
    int64_t first; /* the answer's positions in the whole search: first..end-1 */
    int64_t end;
    const char **listed; /* ids, as many as there are positions before `end` */
    size_t count;
};

static bool is_listed(const struct listing *listing, const char *id)
{
    for (size_t i = 0; i < listing->count; i++)
        if (strcmp(listing->listed[i], id) == 0)
            return true;
    return false;
}

/* Writes the titles of TMDB's page (its first position is `start`) that belong into the answer and are not
 * listed yet; the gaps that this leaves stay gaps. */
static enum err_code put_page(struct request *req, struct listing *listing, const struct catalog_page *page,
                              int64_t start)
{
    const struct json *items = NULL;
    struct err err = ERR_INIT;
    if (json_parse(req->arena, page->items, strlen(page->items), &items, &err) != E_OK)
        return err.code;
    int64_t position = start;
    for (const struct json *item = json_first(items); item != NULL && position < start + TMDB_PAGE_ITEMS;
         item = json_next(item), position++)
    {
        const char *id = json_text(json_get(item, "id"), "");
        if (position >= listing->end || is_listed(listing, id))
            continue;
        listing->listed[listing->count++] = id;
        if (position >= listing->first)
            json_put_value(listing->w, NULL, item);
    }
    return E_OK;
}

/* Lists the titles of an earlier page, if the cache still has it; the provider is not asked for it. */
static void note_page(struct request *req, struct listing *listing, const struct catalog_query *query,
                      struct arena *scratch)
{
    struct err ignored = ERR_INIT;
    const struct json *items = NULL;
    size_t left = TMDB_PAGE_ITEMS;
    if (catalog_items(request_cache(req), scratch, query, &items, &ignored) != E_OK)
        return;
    for (const struct json *item = json_first(items); item != NULL && left > 0;
         item = json_next(item), left--)
    {
        const char *id = arena_strdup(req->arena, json_text(json_get(item, "id"), ""));
        if (id != NULL)
            listing->listed[listing->count++] = id;
    }
}

/* All pages before the answer's own: a title may come back as far behind as it likes. */
static enum err_code look_back(struct request *req, struct listing *listing, struct catalog_query query,
                               struct err *err)
{
    const int64_t own = listing->first / TMDB_PAGE_ITEMS;
    if (own == 0 || own >= TMDB_MAX_PAGE)
        return E_OK;
    struct arena *scratch = arena_new(PAGE_BYTES);
    if (scratch == NULL)
        return fail(err, E_NO_MEMORY, "no memory for a search");
    for (query.page = 1; query.page <= own; query.page++)
    {
        arena_reset(scratch);
        note_page(req, listing, &query, scratch);
    }
    arena_free(scratch);
    return E_OK;
}

struct found
{
    enum source from;
    int64_t total;
    bool cached;
};

/* Our pages may have another size than TMDB's: as many of its pages as ours touches. */
static enum err_code put_items(struct request *req, struct json_writer *w, struct title_search *search,
                               struct found *found, struct err *err)
{
    const int64_t first = (search->page.page - 1) * search->page.limit;
    const int64_t end = first + search->page.limit;
    const int64_t positions = (int64_t)TMDB_MAX_PAGE * TMDB_PAGE_ITEMS;
    struct listing listing = {.w = w, .first = first, .end = end};
    listing.listed =
        arena_array(req->arena, (size_t)(end < positions ? end : positions), sizeof *listing.listed);
    if (listing.listed == NULL)
        return fail(err, E_NO_MEMORY, "no memory for a search");
    found->cached = true;
    if (look_back(req, &listing, search->query, err) != E_OK)
        return err->code;
    for (int64_t at = first / TMDB_PAGE_ITEMS; at * TMDB_PAGE_ITEMS < end && at < TMDB_MAX_PAGE; at++)
    {
        bool cached = false;
        struct catalog_page page = {0};
        const int64_t start = at * TMDB_PAGE_ITEMS;
        search->query.page = (int)at + 1;
        if (find_page(req, &search->query, found->from, &page, &cached, err) != E_OK)
            return err->code;
        if (put_page(req, &listing, &page, start) != E_OK)
            return fail(err, E_BUG, "a page of titles is not JSON");
        found->total = page.total;
        found->cached = found->cached && cached;
        if (start + TMDB_PAGE_ITEMS >= page.total)
            break;
    }
    return E_OK;
}

static enum err_code answer_search(struct request *req, enum source from, struct err *err)
{
    struct title_search search;
    struct found found = {.from = from};
    if (title_search_read(req, &search, err) != E_OK)
        return err->code;
    struct json_writer w = reply_begin(req);
    json_begin_object(&w, NULL);
    json_begin_array(&w, "items");
    if (put_items(req, &w, &search, &found, err) != E_OK)
        return err->code;
    json_end_array(&w);
    const int64_t end = search.page.page * search.page.limit;
    const bool more = end < found.total && end < (int64_t)TMDB_MAX_PAGE * TMDB_PAGE_ITEMS;
    json_put_int(&w, "page", search.page.page);
    json_put_int(&w, "limit", search.page.limit);
    if (search.page.cursor != NULL || found.total > STORE_MAX_TOTAL)
        json_put_null(&w, "total");
    else
        json_put_int(&w, "total", found.total);
    json_put_text(&w, "next", more ? db_param_int(req->arena, search.page.page + 1) : NULL);
    json_put_bool(&w, "cached", found.cached);
    json_end_object(&w);
    return reply_json(req, REPLY_OK, err);
}

static enum err_code search_ask(struct request *req, struct err *err)
{
    return answer_search(req, CACHE_OR_PROVIDER, err);
}

enum err_code search_get(struct request *req, struct err *err)
{
    const enum err_code code = answer_search(req, CACHE_ONLY, err);
    if (code != E_NOT_FOUND)
        return code;
    return request_go_on(req, (struct request_step){.run = search_ask, .lane = LANE_PROVIDER});
}

/* A search that is accepted and answered so, and may be answered better. */
struct waiting
{
    const char *job_id;
    int64_t until_ms;
    int64_t pause_ms; /* until the next look */
};

static enum err_code look(struct request *req, const char *job_id, struct job_peek *peek, struct err *err)
{
    struct db *db;
    enum err_code code = request_db(req, &db, err);
    if (code != E_OK)
        return code;
    return job_peek_result(db, req->arena, job_id, peek, err);
}

static bool is_over(const struct job_peek *peek)
{
    return strcmp(peek->status, "Completed") == 0 || strcmp(peek->status, "Failed") == 0;
}

/* Accepted it is, whatever becomes of the looking: the answer that stands says so. */
static enum err_code search_look(struct request *req, struct err *err)
{
    struct waiting *waiting = req->step.of;
    struct job_peek peek = {0};
    const int64_t left_ms = waiting->until_ms - clock_mono_ms();
    if (look(req, waiting->job_id, &peek, err) != E_OK)
        return E_OK;
    if (!is_over(&peek) && (left_ms <= 0 || health_draining(req->app->health)))
        return E_OK;
    if (!is_over(&peek))
    {
        const int64_t pause_ms = waiting->pause_ms < left_ms ? waiting->pause_ms : left_ms;
        waiting->pause_ms = waiting->pause_ms * 2 > MAX_LOOK_MS ? MAX_LOOK_MS : waiting->pause_ms * 2;
        return request_go_on(req, (struct request_step){.run = search_look,
                                                        .lane = LANE_EXECUTOR,
                                                        .at_ms = clock_mono_ms() + pause_ms,
                                                        .of = waiting});
    }
    if (strcmp(peek.status, "Failed") == 0)
        return fail(err, E_PROVIDER, "the search failed: %.120s",
                    peek.detail != NULL ? peek.detail : "no reason given");
    return peek.result == NULL ? E_OK : answer_json(req, REPLY_OK, peek.result, err);
}

static enum err_code await_job(struct request *req, const char *job_id, int64_t wait_ms, struct err *err)
{
    struct waiting *waiting = arena_alloc(req->arena, sizeof *waiting);
    const int64_t until_ms = clock_mono_ms() + wait_ms;
    if (waiting == NULL)
        return E_OK;
    *waiting = (struct waiting){.job_id = job_id,
                                .until_ms = until_ms < req->deadline_ms ? until_ms : req->deadline_ms,
                                .pause_ms = FIRST_LOOK_MS};
    req->step.of = waiting;
    return search_look(req, err);
}

enum err_code search_post(struct request *req, struct err *err)
{
    static const char path[] = "/jobs/";
    struct title_search_job wanted;
    struct accept_answer answer = {0};
    struct id id = id_new();
    if (title_search_job_read(req, &wanted, err) != E_OK)
        return err->code;
    const struct job_new job = search_job(req, &id, &wanted.query);
    if (job.payload == NULL)
        return fail(err, E_NO_MEMORY, "no memory for a search");
    if (accept_job(req, &job, &answer, err) != E_OK || accept_send(req, &answer, err) != E_OK)
        return err->code;
    if (answer.location == NULL || wanted.wait_ms == 0)
        return E_OK;
    return await_job(req, answer.location + sizeof path - 1, wanted.wait_ms, err);
}
