/* SPDX-License-Identifier: Apache-2.0 */
#include "common/provider/prowlarr.h"

#include "common/base/clock.h"
#include "tests/support/scripted_server.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY "0123456789abcdef0123456789abcdef"
#define HASH "dd8255ecdc7ca55fb0bbf81323d87062db1f6d1c"

static struct http_client *http;
static struct arena *arena;
static struct scripted_server *server;
static struct err err;
static struct prowlarr prowlarr;
static struct prowlarr_result result;

static void set_up(void)
{
    ck_assert_int_eq(http_open(&err), E_OK);
    http = http_client_new();
    arena = arena_new(32 << 20);
}

static void tear_down(void)
{
    http_client_free(http);
    scripted_server_stop(server);
    arena_free(arena);
    http_close();
}

static void serve(void (*script)(struct scripted_call *, void *))
{
    server = scripted_server_start(script, NULL);
    prowlarr = (struct prowlarr){
        .http = http, .base_url = scripted_server_url(server), .api_key = KEY, .deadline_ms = 5000};
}

static enum err_code search_all(int limit)
{
    struct prowlarr_query query = {.query = "Big Buck Bunny", .type = PROVIDER_MOVIE, .limit = limit};
    return prowlarr_search_all(&prowlarr, &query, NULL, arena, &result, &err);
}

/* ---- one page ---------------------------------------------------------------------------- */

static void answer_three(struct scripted_call *call, void *context)
{
    (void)context;
    char host[64];
    char key[64] = "";
    char body[8192];
    scripted_header(call, "Host", host, sizeof host);
    scripted_header(call, "X-Api-Key", key, sizeof key);
    bool asked_right =
        strcmp(key, KEY) == 0 &&
        strcmp(call->target,
               "/api/v1/search?query=Big%20Buck%20Bunny%20S01E02&type=tvsearch&limit=100&offset=0"
               "&categories=5000") == 0;
    snprintf(body, sizeof body,
             "[{\"guid\":\"https://a.example/1\",\"title\":\"Big.Buck.Bunny.2160p\\t\",\"indexer\":\"A\","
             "\"size\":4294967296,\"seeders\":7,\"leechers\":3,\"age\":12,\"publishDate\":\"2026-01-02T03:04:"
             "05Z\","
             "\"protocol\":\"torrent\",\"magnetUrl\":\"magnet:?xt=urn:btih:" HASH "\","
             "\"infoHash\":\"DD8255ECDC7CA55FB0BBF81323D87062DB1F6D1C\","
             "\"categories\":[{\"id\":2000,\"name\":\"Movies\"},{\"id\":2045}]},"
             "{\"guid\":\"https://a.example/"
             "2\",\"title\":\"Proxied\",\"protocol\":\"torrent\",\"infoHash\":\"zz\","
             "\"magnetUrl\":\"http://%s/1/download?apikey=" KEY "&link=abc\"},"
             "{\"guid\":\"magnet:?xt=urn:btih:" HASH "\",\"title\":\"Guid is magnet\",\"size\":-4},"
             "{\"guid\":\"u\",\"title\":\"Usenet\",\"protocol\":\"usenet\",\"downloadUrl\":\"http://%s/2\"},"
             "{\"guid\":\"n\",\"title\":\"No way to get it\"},"
             "{\"guid\":\"f\",\"title\":\"Evil\",\"downloadUrl\":\"file:///etc/passwd\"},"
             "{\"title\":\"No guid\"},{\"guid\":\"no title\"},null,7,[]]",
             host, host);
    scripted_reply(call, asked_right ? 200 : 400, "Content-Type: application/json\r\n", body);
}

/* req: S45 S130 */
START_TEST(prowlarr__reads_releases)
{
    struct prowlarr_page page;
    struct prowlarr_query query = {.query = "Big Buck Bunny", .type = PROVIDER_TV, .season = 1, .episode = 2};
    serve(answer_three);
    ck_assert_int_eq(prowlarr_search(&prowlarr, &query, arena, &page, &err), E_OK);
    ck_assert_uint_eq(page.sent, 11);
    prowlarr.base_url =
        arena_printf(arena, "%s/api/v1/", scripted_server_url(server)); /* as copied from it */
    ck_assert_int_eq(prowlarr_search(&prowlarr, &query, arena, &page, &err), E_OK);
    ck_assert_uint_eq(page.count, 3);
    ck_assert_uint_eq(page.count, 3);
    const struct provider_release *first = &page.items[0];
    ck_assert_str_eq(first->guid, "https://a.example/1");
    ck_assert_str_eq(first->title, "Big.Buck.Bunny.2160p");
    ck_assert_str_eq(first->indexer, "A");
    ck_assert_int_eq(first->size_bytes, 4294967296);
    ck_assert_int_eq(first->seeders, 7);
    ck_assert_int_eq(first->leechers, 3);
    ck_assert_int_eq(first->age_days, 12);
    ck_assert_int_eq(first->published_ms, 1767323045000);
    ck_assert_str_eq(first->magnet, "magnet:?xt=urn:btih:" HASH);
    ck_assert_str_eq(first->info_hash, HASH);
    ck_assert_uint_eq(first->category_count, 2);
    ck_assert_int_eq(first->categories[1], 2045);
    const struct provider_release *second = &page.items[1];
    ck_assert_ptr_null(second->magnet);
    ck_assert_ptr_null(second->info_hash);
    ck_assert_ptr_nonnull(second->download_url);
    ck_assert_ptr_null(strstr(second->download_url, KEY)); /* never leaves the door */
    ck_assert_int_eq(second->seeders, -1);
    ck_assert_int_eq(second->size_bytes, 0);
    ck_assert_str_eq(page.items[2].magnet, "magnet:?xt=urn:btih:" HASH);
    ck_assert_int_eq(page.items[2].size_bytes, 0);
}
END_TEST

static void answer_odd(struct scripted_call *call, void *context)
{
    (void)context;
    scripted_reply(call, 200, NULL,
                   "[{\"guid\":\"1\",\"title\":\"a\\u0000b\",\"infoHash\":\"" HASH "\"},"
                   "{\"guid\":\"2\",\"title\":\"Two\",\"size\":1e400,\"infoHash\":\"" HASH "\"},"
                   "{\"guid\":\"3\",\"title\":\"Three\",\"title\":\"\\ud800\",\"infoHash\":\"" HASH "\"},"
                   "{\"guid\":\"4\",\"title\":\"Usenet\",\"protocol\":\"usenet\"},"
                   "{\"guid\":\"5\",\"title\":\"No way to get it\"}]");
}

START_TEST(prowlarr__loses_a_bad_value_and_not_the_answer)
{
    serve(answer_odd);
    ck_assert_msg(search_all(0) == E_OK, "%s", err.text);
    ck_assert_uint_eq(result.count, 2);
    ck_assert_str_eq(result.items[0].title, "Two");
    ck_assert_str_eq(result.items[1].title, "Three");
    ck_assert_uint_eq(result.loss.rows, 2);
    ck_assert_uint_eq(result.loss.values, 4);
}
END_TEST

static void answer_loose(struct scripted_call *call, void *context)
{
    (void)context;
    scripted_reply(
        call, 200, NULL,
        "[{\"title\":\"No guid\",\"infoHash\":\" " HASH "\\n\"},"
        "{\"guid\":7,\"title\":\"A number\",\"infoHash\":\"3WBFL3G4PSSV7MF37AJSHWDQMLNR63I4\"},"
        "{\"guid\":\" a b \",\"title\":\"Blanks\",\"protocol\":\"Torrent\","
        "\"magnetUrl\":\" magnet:?xt=urn:btih:" HASH "&dn=Show #1 \"},"
        "{\"guid\":\"\",\"title\":\"Only a link\",\"downloadUrl\":\" http://h.example/a b?apikey=" KEY
        "\"}]");
}

START_TEST(prowlarr__reads_rows_that_are_loosely_written)
{
    serve(answer_loose);
    ck_assert_msg(search_all(0) == E_OK, "%s", err.text);
    ck_assert_uint_eq(result.count, 4);
    ck_assert_uint_eq(result.loss.rows, 0);
    ck_assert_str_eq(result.items[0].guid, HASH);
    ck_assert_str_eq(result.items[0].info_hash, HASH);
    ck_assert_str_eq(result.items[1].guid, "7");
    ck_assert_str_eq(result.items[1].info_hash, HASH);
    ck_assert_str_eq(result.items[2].guid, "a%20b");
    ck_assert_str_eq(result.items[2].magnet, "magnet:?xt=urn:btih:" HASH "&dn=Show%20#1");
    ck_assert_str_eq(result.items[3].download_url, "http://h.example/a%20b?apikey=~apikey~");
    ck_assert_str_eq(result.items[3].guid, result.items[3].download_url);
}
END_TEST

static const struct
{
    int status;
    const char *headers;
    const char *body;
    enum err_code code;
    unsigned retry_after_s;
} rows[] = {
    {401, NULL, "", E_CONFIG, 0},
    {404, NULL, "", E_NOT_FOUND, 0},
    {429, "Retry-After: 5\r\n", "", E_TOO_MANY, 5},
    {500, NULL, "", E_PROVIDER, 0},
    {302, "Location: /login\r\n", "", E_PROVIDER, 0},
    {200, "Content-Type: text/html\r\n", "<html>Sign in</html>", E_PROVIDER, 0},
    {200, NULL, "{\"error\":\"x\"}", E_PROVIDER, 0},
    {200, NULL, "[{\"guid\":", E_PROVIDER, 0},
    {200, NULL, "", E_PROVIDER, 0},
};

static void answer_row(struct scripted_call *call, void *context)
{
    (void)context;
    int row = atoi(strstr(call->target, "offset=") + 7);
    scripted_reply(call, rows[row].status, rows[row].headers, rows[row].body);
}

/* req: S47 S127 S128 */
START_TEST(prowlarr__translates_what_goes_wrong)
{
    struct prowlarr_page page;
    struct prowlarr_query query = {.query = "Bunny", .offset = _i};
    serve(answer_row);
    enum err_code code = prowlarr_search(&prowlarr, &query, arena, &page, &err);
    ck_assert_msg(code == rows[_i].code, "row %d: %s", _i, err.text);
    ck_assert_uint_eq(err.retry_after_s, rows[_i].retry_after_s);
    ck_assert_ptr_nonnull(strstr(err.text, "Prowlarr"));
    ck_assert_ptr_null(strstr(err.text, KEY));
}
END_TEST

START_TEST(prowlarr__says_when_it_is_not_configured)
{
    struct prowlarr none = {.base_url = ""};
    struct prowlarr_query query = {.query = "Bunny"};
    struct prowlarr_target target;
    ck_assert_int_eq(prowlarr_search_all(&none, &query, NULL, arena, &result, &err), E_CONFIG);
    ck_assert_int_eq(prowlarr_resolve(&none, "http://127.0.0.1/", arena, &target, &err), E_CONFIG);
    serve(answer_row);
    query.query = "";
    ck_assert_int_eq(prowlarr_search_all(&prowlarr, &query, NULL, arena, &result, &err), E_INVALID);
}
END_TEST

/* ---- pages ------------------------------------------------------------------------------- */

static int query_number(const struct scripted_call *call, const char *name)
{
    const char *at = strstr(call->target, name);
    return at == NULL ? -1 : atoi(at + strlen(name));
}

/* `count` releases whose guids start at `from`. */
static void reply_page(struct scripted_call *call, int from, int count)
{
    char *body = malloc((size_t)count * 200 + 16);
    char *at = body + sprintf(body, "[");
    for (int i = from; i < from + count; i++)
        at += sprintf(
            at, "%s{\"guid\":\"g%d\",\"title\":\"T %d\",\"magnetUrl\":\"magnet:?xt=urn:btih:" HASH "\"}",
            i > from ? "," : "", i, i);
    sprintf(at, "]");
    scripted_reply(call, 200, NULL, body);
    free(body);
}

static void answer_for_ever(struct scripted_call *call, void *context)
{
    (void)context;
    reply_page(call, query_number(call, "offset="), query_number(call, "limit="));
}

/* req: S131 S132 */
START_TEST(prowlarr__asks_for_fifty_pages_at_most)
{
    serve(answer_for_ever);
    ck_assert_int_eq(search_all(10), E_OK);
    ck_assert_int_eq(scripted_server_requests(server), PROWLARR_MAX_PAGES);
    ck_assert_int_eq(result.pages, PROWLARR_MAX_PAGES);
    ck_assert_uint_eq(result.count, 500);
    ck_assert_str_eq(result.items[499].guid, "g499");
    ck_assert_ptr_nonnull(result.warning);
}
END_TEST

START_TEST(prowlarr__keeps_a_bounded_number_of_releases)
{
    serve(answer_for_ever);
    ck_assert_int_eq(search_all(1000), E_OK);
    ck_assert_uint_eq(result.count, PROWLARR_MAX_RELEASES);
    ck_assert_int_eq(scripted_server_requests(server), 5);
    ck_assert_ptr_nonnull(result.warning);
}
END_TEST

static void answer_the_same(struct scripted_call *call, void *context)
{
    (void)context;
    reply_page(call, 0, query_number(call, "limit="));
}

/* req: S131 */
START_TEST(prowlarr__stops_when_a_page_brings_nothing_new)
{
    serve(answer_the_same);
    ck_assert_int_eq(search_all(10), E_OK);
    ck_assert_int_eq(scripted_server_requests(server), 2);
    ck_assert_uint_eq(result.count, 10);
    ck_assert_ptr_null(result.warning);
}
END_TEST

static void answer_25(struct scripted_call *call, void *context)
{
    (void)context;
    int offset = query_number(call, "offset=");
    reply_page(call, offset, offset == 20 ? 5 : 10);
}

START_TEST(prowlarr__stops_at_a_short_page)
{
    serve(answer_25);
    ck_assert_int_eq(search_all(10), E_OK);
    ck_assert_int_eq(result.pages, 3);
    ck_assert_uint_eq(result.count, 25);
    ck_assert_ptr_null(result.warning);
}
END_TEST

static void answer_breaking(struct scripted_call *call, void *context)
{
    (void)context;
    if (call->number < 3)
        reply_page(call, query_number(call, "offset="), 10);
    else
        scripted_reply(call, 200, NULL, "<html>502 Bad Gateway</html>");
}

/* req: S133 */
START_TEST(prowlarr__keeps_what_it_found_before_a_page_broke)
{
    serve(answer_breaking);
    ck_assert_int_eq(search_all(10), E_OK);
    ck_assert_int_eq(result.pages, 2);
    ck_assert_uint_eq(result.count, 20);
    ck_assert_ptr_nonnull(strstr(result.warning, "page 3"));
}
END_TEST

static enum err_code stop_after_two(void *context, int pages, size_t found, struct err *failure)
{
    *(size_t *)context = found;
    /* Check has a macro named fail */
    return pages < 2 ? E_OK : err_set(failure, E_SHUTDOWN, __FILE__, __LINE__, "shutting down");
}

START_TEST(prowlarr__can_be_stopped_between_pages)
{
    size_t found = 0;
    struct prowlarr_watch watch = {.page_done = stop_after_two, .context = &found};
    struct prowlarr_query query = {.query = "Bunny", .limit = 10};
    serve(answer_for_ever);
    ck_assert_int_eq(prowlarr_search_all(&prowlarr, &query, &watch, arena, &result, &err), E_SHUTDOWN);
    ck_assert_uint_eq(found, 20);
    ck_assert_int_eq(scripted_server_requests(server), 2);
}
END_TEST

static atomic_bool cancelled;

static void answer_cancelling(struct scripted_call *call, void *context)
{
    (void)context;
    if (call->number == 1)
    {
        reply_page(call, 0, 10);
        return;
    }
    atomic_store(&cancelled, true);
    while (scripted_wait(call, 1000))
        ;
}

START_TEST(prowlarr__cancelled_within_a_page_is_cancelled)
{
    serve(answer_cancelling);
    atomic_store(&cancelled, false);
    prowlarr.cancel = &cancelled;
    prowlarr.deadline_ms = 30000;
    int64_t began_ms = clock_mono_ms();
    ck_assert_int_eq(search_all(10), E_CANCELLED);
    ck_assert_int_lt(clock_mono_ms() - began_ms, 2000);
}
END_TEST

/* ---- links ------------------------------------------------------------------------------- */

static const struct
{
    const char *path;
    int status;
    const char *headers;
    const char *body;
    enum err_code code;
    const char *magnet;
    const char *torrent;
} links[] = {
    {"/magnet?apikey=~apikey~", 301, "Location: magnet:?xt=urn:btih:" HASH "\r\n", "", E_OK,
     "magnet:?xt=urn:btih:" HASH, NULL},
    {"/file", 200, "Content-Type: application/x-bittorrent\r\n", "d4:infod4:name1:aee", E_OK, NULL,
     "d4:infod4:name1:aee"},
    {"/text", 200, NULL, "magnet:?xt=urn:btih:" HASH "\n", E_OK, "magnet:?xt=urn:btih:" HASH, NULL},
    {"/hop", 302, "Location: /file\r\n", "", E_OK, NULL, "d4:infod4:name1:aee"},
    {"/blanks", 302, "Location: magnet:?xt=urn:btih:" HASH "&dn=Am\xE9lie 1 \r\n", "", E_OK,
     "magnet:?xt=urn:btih:" HASH "&dn=Am%EF%BF%BDlie%201", NULL},
    {"/tofile", 302, "Location: /a f\xE9.torrent\r\n", "", E_OK, NULL, "d1:a1:be"},
    {"/a%20f%E9.torrent", 200, NULL, "d1:a1:be", E_OK, NULL, "d1:a1:be"},
    {"/crlf", 200, NULL, "\r\n d4:infod4:name1:aee\r\n", E_OK, NULL, "d4:infod4:name1:aee"},
    {"/bom", 200, NULL, "\xEF\xBB\xBF\r\nd1:a1:be", E_OK, NULL, "d1:a1:be"},
    {"/bommagnet", 200, NULL, "\xEF\xBB\xBF magnet:?xt=urn:btih:" HASH "&dn=a b\r\n", E_OK,
     "magnet:?xt=urn:btih:" HASH "&dn=a%20b", NULL},
    {"/loop", 302, "Location: /loop\r\n", "", E_REFUSED, NULL, NULL},
    {"/away", 302, "Location: http://tracker.example/file?x=1\r\n", "", E_REFUSED, NULL, NULL},
    {"/port", 302, "Location: http://127.0.0.1:1/\r\n", "", E_REFUSED, NULL, NULL},
    {"/scheme", 302, "Location: file:///etc/passwd\r\n", "", E_REFUSED, NULL, NULL},
    {"/nowhere", 302, NULL, "", E_REFUSED, NULL, NULL},
    {"/html", 200, "Content-Type: text/html\r\n", "<html>", E_REFUSED, NULL, NULL},
    {"/empty", 200, NULL, "", E_REFUSED, NULL, NULL},
    {"/badmagnet", 200, NULL, "magnet:?xt=urn:btih:00 and more", E_REFUSED, NULL, NULL},
    {"/gone", 404, NULL, "", E_NOT_FOUND, NULL, NULL},
    {"/forbidden", 403, NULL, "", E_REFUSED, NULL, NULL},
    {"/removed", 410, NULL, "", E_REFUSED, NULL, NULL},
    {"/key", 401, NULL, "", E_CONFIG, NULL, NULL},
    {"/broken", 502, NULL, "", E_PROVIDER, NULL, NULL},
    {"/busy", 429, "Retry-After: 3\r\n", "", E_TOO_MANY, NULL, NULL},
};

static void answer_link(struct scripted_call *call, void *context)
{
    (void)context;
    size_t count = sizeof links / sizeof links[0];
    for (size_t i = 0; i < count; i++)
    {
        size_t len = strcspn(links[i].path, "?");
        bool keyed = strchr(links[i].path, '?') == NULL || strstr(call->target, "?apikey=" KEY) != NULL;
        if (keyed && strcspn(call->target, "?") == len && memcmp(call->target, links[i].path, len) == 0)
        {
            scripted_reply(call, links[i].status, links[i].headers, links[i].body);
            return;
        }
    }
    scripted_reply(call, 500, NULL, "");
}

START_TEST(prowlarr__resolves_a_link)
{
    struct prowlarr_target target;
    serve(answer_link);
    const char *link = arena_printf(arena, "%s%s", scripted_server_url(server), links[_i].path);
    enum err_code code = prowlarr_resolve(&prowlarr, link, arena, &target, &err);
    ck_assert_msg(code == links[_i].code, "%s: %s", links[_i].path, err.text);
    ck_assert_int_le(scripted_server_requests(server), 4);
    if (code != E_OK)
    {
        ck_assert_ptr_null(strstr(err.text, KEY));
        return;
    }
    ck_assert_pstr_eq(target.magnet, links[_i].magnet);
    ck_assert_pstr_eq(target.torrent, links[_i].torrent);
    ck_assert_uint_eq(target.torrent_len, links[_i].torrent != NULL ? strlen(links[_i].torrent) : 0);
}
END_TEST

START_TEST(prowlarr__goes_to_its_own_server_only)
{
    static const char *const bad[] = {"http://tracker.example/1",
                                      "http://127.0.0.1:1/x",
                                      "https://127.0.0.1/x",
                                      "http://127.0.0.1.evil.example/",
                                      "magnet:?xt=urn:btih:00",
                                      "",
                                      "foo"};
    struct prowlarr_target target;
    serve(answer_link);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_msg(prowlarr_resolve(&prowlarr, bad[i], arena, &target, &err) == E_REFUSED, "%s", bad[i]);
    const char *trick = arena_printf(arena, "%s@tracker.example/", scripted_server_url(server));
    ck_assert_int_eq(prowlarr_resolve(&prowlarr, trick, arena, &target, &err), E_REFUSED);
    ck_assert_int_eq(scripted_server_requests(server), 0);
}
END_TEST

/* "localhost" is another server than 127.0.0.1: the key must not go there. */
static void answer_elsewhere(struct scripted_call *call, void *context)
{
    (void)context;
    char host[64] = "";
    char key[64] = "";
    char location[256];
    scripted_header(call, "Host", host, sizeof host);
    scripted_header(call, "X-Api-Key", key, sizeof key);
    snprintf(location, sizeof location, "Location: http://localhost%s/file\r\n", strchr(host, ':'));
    if (strncmp(host, "127.0.0.1", 9) == 0)
        scripted_reply(call, 302, location, "");
    else
        scripted_reply(call, key[0] == '\0' ? 200 : 500, NULL, "d1:a1:be");
}

START_TEST(prowlarr__follows_to_hosts_that_are_named_without_its_key)
{
    struct prowlarr_target target;
    serve(answer_elsewhere);
    const char *link = arena_printf(arena, "%s/1/download", scripted_server_url(server));
    prowlarr.redirect_hosts = "indexer.example, localhost.example";
    ck_assert_int_eq(prowlarr_resolve(&prowlarr, link, arena, &target, &err), E_REFUSED);
    ck_assert_ptr_nonnull(strstr(err.text, "PROWLARR_REDIRECT_HOSTS"));
    prowlarr.redirect_hosts = "indexer.example, LOCALHOST";
    ck_assert_msg(prowlarr_resolve(&prowlarr, link, arena, &target, &err) == E_OK, "%s", err.text);
    ck_assert_str_eq(target.torrent, "d1:a1:be");
}
END_TEST

static void answer_to_a_cache(struct scripted_call *call, void *context)
{
    (void)context;
    scripted_reply(call, 302, "Location: http://localhost:6379/file\r\n", "");
}

/* Whoever answers for Prowlarr must not make us speak to what listens beside an indexer that is named. */
START_TEST(prowlarr__follows_to_ports_of_web_servers_only)
{
    struct prowlarr_target target;
    serve(answer_to_a_cache);
    prowlarr.redirect_hosts = "localhost";
    const char *link = arena_printf(arena, "%s/1/download", scripted_server_url(server));
    ck_assert_int_eq(prowlarr_resolve(&prowlarr, link, arena, &target, &err), E_REFUSED);
}
END_TEST

/* "d4:infod4:name1:aee" as gzip writes it. */
static const char gzipped[] =
    "\037\213\010\000\000\000\000\000\002\003\113\061\261\312\314\113\313\117\061\261\312\113\314\115\065\264"
    "\112\114\115\005\000\154\032\212\244\023\000\000\000";

static void answer_gzipped(struct scripted_call *call, void *context)
{
    (void)context;
    size_t len = sizeof gzipped - 1 - (strstr(call->target, "cut") != NULL ? 4 : 0);
    char head[64];
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", len);
    scripted_send_text(call, head);
    scripted_send(call, gzipped, len);
}

START_TEST(prowlarr__unpacks_a_torrent_that_is_gzipped_without_a_word)
{
    struct prowlarr_target target;
    serve(answer_gzipped);
    const char *link = arena_printf(arena, "%s/file", scripted_server_url(server));
    ck_assert_msg(prowlarr_resolve(&prowlarr, link, arena, &target, &err) == E_OK, "%s", err.text);
    ck_assert_str_eq(target.torrent, "d4:infod4:name1:aee");
    ck_assert_uint_eq(target.torrent_len, 19);
    link = arena_printf(arena, "%s/cut", scripted_server_url(server));
    ck_assert_int_eq(prowlarr_resolve(&prowlarr, link, arena, &target, &err), E_REFUSED);
}
END_TEST

static void answer_huge(struct scripted_call *call, void *context)
{
    (void)context;
    static char block[65536];
    memset(block, 'd', sizeof block);
    scripted_send_text(call, "HTTP/1.1 200 OK\r\n\r\n");
    while (scripted_send(call, block, sizeof block))
        ;
}

START_TEST(prowlarr__takes_no_torrent_past_ten_mebibytes)
{
    struct prowlarr_target target;
    serve(answer_huge);
    ck_assert_int_eq(prowlarr_resolve(&prowlarr, scripted_server_url(server), arena, &target, &err),
                     E_PROVIDER);
    ck_assert_uint_lt(arena_used_bytes(arena), 1 << 20);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("prowlarr");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, prowlarr__reads_releases);
    tcase_add_test(tests, prowlarr__reads_rows_that_are_loosely_written);
    tcase_add_test(tests, prowlarr__follows_to_hosts_that_are_named_without_its_key);
    tcase_add_test(tests, prowlarr__follows_to_ports_of_web_servers_only);
    tcase_add_test(tests, prowlarr__unpacks_a_torrent_that_is_gzipped_without_a_word);
    tcase_add_test(tests, prowlarr__loses_a_bad_value_and_not_the_answer);
    tcase_add_loop_test(tests, prowlarr__translates_what_goes_wrong, 0, sizeof rows / sizeof rows[0]);
    tcase_add_test(tests, prowlarr__says_when_it_is_not_configured);
    tcase_add_test(tests, prowlarr__asks_for_fifty_pages_at_most);
    tcase_add_test(tests, prowlarr__keeps_a_bounded_number_of_releases);
    tcase_add_test(tests, prowlarr__stops_when_a_page_brings_nothing_new);
    tcase_add_test(tests, prowlarr__stops_at_a_short_page);
    tcase_add_test(tests, prowlarr__keeps_what_it_found_before_a_page_broke);
    tcase_add_test(tests, prowlarr__can_be_stopped_between_pages);
    tcase_add_test(tests, prowlarr__cancelled_within_a_page_is_cancelled);
    tcase_add_loop_test(tests, prowlarr__resolves_a_link, 0, sizeof links / sizeof links[0]);
    tcase_add_test(tests, prowlarr__goes_to_its_own_server_only);
    tcase_add_test(tests, prowlarr__takes_no_torrent_past_ten_mebibytes);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
