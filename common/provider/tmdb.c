/* SPDX-License-Identifier: Apache-2.0 */
#include "common/provider/tmdb.h"

#include "common/json/json.h"
#include "common/provider/exchange.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
    SCRATCH_BYTES = 24 << 20,
    MAX_BODY_BYTES = 4 << 20,
    MAX_ITEMS = 100,
    MAX_PATH = 200
};

#define IMAGE_URL "https://image.tmdb.org/t/p/"

/* ---- asking ------------------------------------------------------------------------------ */

/* GET <base>/3<path>?language=…&<query>, as JSON. */
static enum err_code ask(const struct tmdb *tmdb, const char *path, const char *query, struct arena *scratch,
                         const struct json **doc, size_t *lost, struct err *err)
{
    struct http_header headers[2] = {{"Accept", "application/json"}};
    struct exchange exchange = {.name = "TMDB",
                                .http = tmdb->http,
                                .headers = headers,
                                .header_count = 1,
                                .cancel = tmdb->cancel,
                                .deadline_ms = tmdb->deadline_ms,
                                .addresses = tmdb->addresses,
                                .max_body_bytes = MAX_BODY_BYTES};
    if (tmdb->base_url == NULL || tmdb->base_url[0] == '\0' || tmdb->api_key == NULL ||
        tmdb->api_key[0] == '\0')
        return fail(err, E_CONFIG, "TMDB is not configured");
    const char *base = exchange_base(scratch, tmdb->base_url, "/3");
    const char *language = http_escape(scratch, tmdb->language != NULL ? tmdb->language : "en-US");
    const char *key = "";
    if (strncmp(tmdb->api_key, "eyJ", 3) == 0)
        headers[exchange.header_count++] =
            (struct http_header){"Authorization", arena_printf(scratch, "Bearer %s", tmdb->api_key)};
    else
        key = arena_printf(scratch, "&api_key=%s", http_escape(scratch, tmdb->api_key));
    exchange.url = arena_printf(scratch, "%s/3%s?language=%s%s%s", base, path, language, query, key);
    if (arena_failed(scratch))
        return fail(err, E_NO_MEMORY, "out of memory");
    return exchange_get_json(&exchange, scratch, doc, lost, err);
}

/* ---- reading ----------------------------------------------------------------------------- */

/* "/abc.jpg" to a whole URL; NULL for anything that is not such a path. */
static const char *image_url(struct arena *arena, const struct json *value, const char *size)
{
    const char *path = json_text(value, "");
    size_t len = strnlen(path, MAX_PATH + 1);
    if (len < 2 || len > MAX_PATH || path[0] != '/')
        return NULL;
    for (size_t i = 1; i < len; i++)
        if (!isalnum((unsigned char)path[i]) && strchr("._-", path[i]) == NULL)
            return NULL;
    return arena_printf(arena, IMAGE_URL "%s%s", size, path);
}

static bool is_date(const char *text)
{
    if (strlen(text) != 10 || text[4] != '-' || text[7] != '-')
        return false;
    for (int i = 0; i < 10; i++)
        if (i != 4 && i != 7 && !isdigit((unsigned char)text[i]))
            return false;
    return true;
}

static void read_date(struct arena *arena, const struct json *value, struct provider_media *media)
{
    const char *text = json_text(value, "");
    if (!is_date(text))
        return;
    media->release_date = arena_strdup(arena, text);
    media->year = (int)strtol(text, NULL, 10);
}

static void add_genre(struct provider_media *media, const char *name)
{
    if (name == NULL || media->genre_count == PROVIDER_MAX_GENRES)
        return;
    for (size_t i = 0; i < media->genre_count; i++)
        if (strcmp(media->genres[i], name) == 0)
            return;
    media->genres[media->genre_count++] = name;
}

/* Lists have ids, details have objects with id and name. */
static void read_genres(struct arena *arena, const struct json *item, struct provider_media *media)
{
    for (const struct json *id = json_first(json_get(item, "genre_ids")); id != NULL; id = json_next(id))
        add_genre(media, tmdb_genre(json_int(id, -1)));
    for (const struct json *genre = json_first(json_get(item, "genres")); genre != NULL;
         genre = json_next(genre))
    {
        const char *known = tmdb_genre(json_int(json_get(genre, "id"), -1));
        add_genre(media, known != NULL ? known : exchange_text(arena, json_get(genre, "name"), 64));
    }
}

static double within(double value, double most)
{
    return value >= 0 && value <= most ? value : 0;
}

static int small(const struct json *value)
{
    int64_t number = json_int(value, 0);
    return number >= 0 && number <= 100000 ? (int)number : 0;
}

static void read_details(struct arena *arena, const struct json *item, struct provider_media *media)
{
    const struct json *imdb = json_get(item, "imdb_id");
    if (imdb == NULL)
        imdb = json_get(json_get(item, "external_ids"), "imdb_id");
    media->imdb_id = exchange_token(arena, imdb, 16);
    media->runtime_min = small(json_get(item, "runtime"));
    if (media->runtime_min == 0)
        media->runtime_min = small(json_first(json_get(item, "episode_run_time")));
    media->seasons = small(json_get(item, "number_of_seasons"));
}

/* False: not a film or a series that could be named. */
static bool read_media(struct arena *arena, const struct json *item, enum provider_type type,
                       struct provider_media *out)
{
    bool film = type == PROVIDER_MOVIE;
    struct provider_media media = {.type = type, .tmdb_id = json_int(json_get(item, "id"), 0)};
    media.title = exchange_text(arena, json_get(item, film ? "title" : "name"), PROVIDER_TITLE_BYTES);
    if (media.tmdb_id <= 0 || media.title == NULL)
        return false;
    media.original_title =
        exchange_text(arena, json_get(item, film ? "original_title" : "original_name"), PROVIDER_TITLE_BYTES);
    media.overview = exchange_text(arena, json_get(item, "overview"), PROVIDER_TEXT_BYTES);
    media.poster_url = image_url(arena, json_get(item, "poster_path"), "w500");
    media.backdrop_url = image_url(arena, json_get(item, "backdrop_path"), "w1280");
    media.vote = within(json_number(json_get(item, "vote_average"), 0), 10);
    read_date(arena, json_get(item, film ? "release_date" : "first_air_date"), &media);
    read_genres(arena, item, &media);
    read_details(arena, item, &media);
    *out = media;
    return true;
}

/* Only a multi search says of each item what it is. */
static bool type_of(const struct json *item, enum provider_type asked, enum provider_type *type)
{
    *type = asked;
    if (asked != PROVIDER_MULTI)
        return true;
    const char *name = json_text(json_get(item, "media_type"), "");
    *type = strcmp(name, "movie") == 0 ? PROVIDER_MOVIE : PROVIDER_TV;
    return *type == PROVIDER_MOVIE || strcmp(name, "tv") == 0;
}

static enum err_code read_page(const struct json *doc, const struct tmdb_query *query, struct arena *arena,
                               struct tmdb_page *out, struct err *err)
{
    const struct json *results = json_get(doc, "results");
    if (!json_is_object(doc) || !json_is_array(results))
        return fail(err, E_PROVIDER, "TMDB sent something that is not a list of titles");
    int64_t pages = json_int(json_get(doc, "total_pages"), 0);
    int64_t total = json_int(json_get(doc, "total_results"), 0);
    struct tmdb_page page = {.page = query->page,
                             .total_pages =
                                 pages < 0 ? 0 : (int)(pages > TMDB_MAX_PAGE ? TMDB_MAX_PAGE : pages),
                             .total_results = total < 0 ? 0 : total};
    size_t most = json_count(results) < MAX_ITEMS ? json_count(results) : MAX_ITEMS;
    page.items = arena_array(arena, most + 1, sizeof *page.items);
    if (page.items == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    for (const struct json *item = json_first(results); item != NULL && page.count < most;
         item = json_next(item))
    {
        enum provider_type type;
        if (!type_of(item, query->type, &type))
            continue;
        if (read_media(arena, item, type, &page.items[page.count]))
            page.count++;
        else
            page.loss.rows++;
    }
    if (arena_failed(arena))
        return fail(err, E_NO_MEMORY, "out of memory");
    *out = page;
    return E_OK;
}

enum err_code tmdb_search(const struct tmdb *tmdb, const struct tmdb_query *query, struct arena *arena,
                          struct tmdb_page *out, struct err *err)
{
    const struct json *doc = NULL;
    size_t lost = 0;
    if (query->query == NULL || query->query[0] == '\0')
        return fail(err, E_INVALID, "a search needs words");
    if (query->page < 1 || query->page > TMDB_MAX_PAGE)
        return fail(err, E_INVALID, "TMDB has pages 1 to %d", TMDB_MAX_PAGE);
    struct arena *scratch = arena_new(SCRATCH_BYTES);
    if (scratch == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    const char *path = arena_printf(scratch, "/search/%s", provider_type_name(query->type));
    const char *words = http_escape(scratch, query->query);
    const char *text = arena_printf(scratch, "&include_adult=false&page=%d&query=%s", query->page,
                                    words != NULL ? words : "");
    enum err_code code = arena_failed(scratch) ? fail(err, E_NO_MEMORY, "out of memory")
                                               : ask(tmdb, path, text, scratch, &doc, &lost, err);
    if (code == E_OK)
        code = read_page(doc, query, arena, out, err);
    if (code == E_OK)
        out->loss.values = lost;
    arena_free(scratch);
    return code;
}

enum err_code tmdb_details(const struct tmdb *tmdb, enum provider_type type, int64_t tmdb_id,
                           struct arena *arena, struct provider_media *out, struct err *err)
{
    const struct json *doc = NULL;
    struct provider_media media;
    size_t lost = 0; /* of many details none is needed */
    if (type == PROVIDER_MULTI || tmdb_id <= 0)
        return fail(err, E_NOT_FOUND, "TMDB does not have that");
    struct arena *scratch = arena_new(SCRATCH_BYTES);
    if (scratch == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    char path[64];
    snprintf(path, sizeof path, "/%s/%lld", provider_type_name(type), (long long)tmdb_id);
    enum err_code code = ask(tmdb, path, "&append_to_response=external_ids", scratch, &doc, &lost, err);
    if (code == E_OK && (!json_is_object(doc) || !read_media(arena, doc, type, &media)))
        code = fail(err, E_PROVIDER, "TMDB sent something that is not a title");
    if (code == E_OK && arena_failed(arena))
        code = fail(err, E_NO_MEMORY, "out of memory");
    if (code == E_OK)
        *out = media;
    arena_free(scratch);
    return code;
}

/* ---- what else is known of a title --------------------------------------------------------- */

/* Films have "titles", series "results". */
static void read_names(struct arena *arena, const struct json *doc, struct tmdb_known *known)
{
    const struct json *list = json_get(doc, "alternative_titles");
    const struct json *names = json_get(list, "titles");
    for (const struct json *row = json_first(names != NULL ? names : json_get(list, "results"));
         row != NULL && known->name_count < TMDB_MAX_NAMES; row = json_next(row))
    {
        const char *name = exchange_text(arena, json_get(row, "title"), PROVIDER_TITLE_BYTES);
        if (name != NULL)
            known->names[known->name_count++] = name;
    }
}

/* The episodes of all seasons before; -1 when one of these is not told. */
static int count_before(const struct json *doc, int season)
{
    int sum = 0;
    int seasons = 0;
    for (const struct json *row = json_first(json_get(doc, "seasons")); row != NULL; row = json_next(row))
    {
        int number = small(json_get(row, "season_number"));
        if (number < 1 || number >= season)
            continue;
        sum += small(json_get(row, "episode_count"));
        seasons++;
    }
    return seasons == season - 1 ? sum : -1;
}

/* Of a series that is counted through, the seasons do not begin at 1. */
static void read_episode(struct arena *arena, const struct json *doc, const struct tmdb_wanted *wanted,
                         struct tmdb_known *known)
{
    char part[32];
    snprintf(part, sizeof part, "season/%d", wanted->season);
    const struct json *first = json_first(json_get(json_get(doc, part), "episodes"));
    bool through = wanted->season > 1 && small(json_get(first, "episode_number")) > 1;
    int before = through ? 0 : count_before(doc, wanted->season);
    for (const struct json *row = first; row != NULL; row = json_next(row))
    {
        if (small(json_get(row, "episode_number")) != wanted->episode)
            continue;
        const char *day = json_text(json_get(row, "air_date"), "");
        known->air_date = is_date(day) ? arena_strdup(arena, day) : NULL;
        known->absolute = before >= 0 ? before + wanted->episode : 0;
        return;
    }
}

enum err_code tmdb_known(const struct tmdb *tmdb, const struct tmdb_wanted *wanted, struct arena *arena,
                         struct tmdb_known *out, struct err *err)
{
    const struct json *doc = NULL;
    struct tmdb_known known = {.names = arena_array(arena, TMDB_MAX_NAMES, sizeof *known.names)};
    bool episode = wanted->type == PROVIDER_TV && wanted->season > 0 && wanted->episode > 0;
    size_t lost = 0; /* of many names none is needed */
    if (wanted->type == PROVIDER_MULTI || wanted->tmdb_id <= 0)
        return fail(err, E_NOT_FOUND, "TMDB does not have that");
    struct arena *scratch = arena_new(SCRATCH_BYTES);
    if (scratch == NULL || known.names == NULL)
    {
        arena_free(scratch);
        return fail(err, E_NO_MEMORY, "out of memory");
    }
    char path[64];
    char query[96] = "&append_to_response=alternative_titles";
    snprintf(path, sizeof path, "/%s/%lld", provider_type_name(wanted->type), (long long)wanted->tmdb_id);
    if (episode)
        snprintf(query, sizeof query, "&append_to_response=alternative_titles,season/%d", wanted->season);
    enum err_code code = ask(tmdb, path, query, scratch, &doc, &lost, err);
    if (code == E_OK && !json_is_object(doc))
        code = fail(err, E_PROVIDER, "TMDB sent something that is not a title");
    if (code == E_OK)
        read_names(arena, doc, &known);
    if (code == E_OK && episode)
        read_episode(arena, doc, wanted, &known);
    if (code == E_OK && arena_failed(arena))
        code = fail(err, E_NO_MEMORY, "out of memory");
    if (code == E_OK)
        *out = known;
    arena_free(scratch);
    return code;
}
