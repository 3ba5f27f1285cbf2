/* SPDX-License-Identifier: Apache-2.0 */
#include "common/provider/tmdb.h"

#include "common/base/clock.h"
#include "tests/support/scripted_server.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY "tmdb-key-0123456789"

static struct http_client *http;
static struct arena *arena;
static struct scripted_server *server;
static struct err err;
static struct tmdb tmdb;
static struct tmdb_page page;

static void set_up(void)
{
    ck_assert_int_eq(http_open(&err), E_OK);
    http = http_client_new();
    arena = arena_new(1 << 20);
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
    tmdb = (struct tmdb){
        .http = http, .base_url = scripted_server_url(server), .api_key = KEY, .deadline_ms = 5000};
}

static enum err_code search(enum provider_type type)
{
    struct tmdb_query query = {.query = "Big Buck Bunny", .type = type, .page = 1};
    return tmdb_search(&tmdb, &query, arena, &page, &err);
}

static enum err_code details(int64_t id, struct provider_media *media)
{
    return tmdb_details(&tmdb, PROVIDER_MOVIE, id, arena, media, &err);
}

static void check_no_key(void)
{
    ck_assert_ptr_null(strstr(err.text, KEY));
    ck_assert_ptr_null(strstr(err.text, "Bunny"));
}

/* ---- good answers ------------------------------------------------------------------------ */

static void answer_multi(struct scripted_call *call, void *context)
{
    (void)context;
    bool asked_right = strcmp(call->target, "/3/search/multi?language=en-US&include_adult=false&page=1"
                                            "&query=Big%20Buck%20Bunny&api_key=" KEY) == 0;
    scripted_reply(
        call, asked_right ? 200 : 400, "Content-Type: application/json\r\n",
        "{\"page\":1,\"results\":["
        "{\"id\":10378,\"media_type\":\"movie\",\"title\":\"Big Buck\\nBunny "
        "\\u0007\",\"original_title\":\"BBB\","
        "\"overview\":\"A giant "
        "rabbit.\",\"release_date\":\"2008-04-10\",\"genre_ids\":[16,35,10751,424242,16],"
        "\"poster_path\":\"/i9jJzvoXET4D9pOkoEwncSdNNER.jpg\",\"backdrop_path\":\"/../../evil\","
        "\"vote_average\":6.5,\"popularity\":12.25,\"adult\":false},"
        "{\"id\":1399,\"media_type\":\"tv\",\"name\":\"A Series\",\"original_name\":\"Une s\\u00e9rie\","
        "\"first_air_date\":\"2011-04-17\",\"genre_ids\":[10765],\"poster_path\":null},"
        "{\"id\":5,\"media_type\":\"person\",\"name\":\"Somebody\"},"
        "{\"id\":6,\"media_type\":\"movie\",\"title\":\"\"},"
        "{\"media_type\":\"movie\",\"title\":\"No id\"},"
        "{\"id\":7,\"media_type\":\"movie\",\"title\":\"No "
        "date\",\"release_date\":\"\",\"vote_average\":\"x\"},"
        "42],\"total_pages\":9999,\"total_results\":12345}");
}

/* req: S44 S64 */
START_TEST(tmdb__finds_films_and_series)
{
    serve(answer_multi);
    ck_assert_int_eq(search(PROVIDER_MULTI), E_OK);
    ck_assert_uint_eq(page.count, 3);
    ck_assert_int_eq(page.page, 1);
    ck_assert_int_eq(page.total_pages, TMDB_MAX_PAGE);
    ck_assert_int_eq(page.total_results, 12345);
    const struct provider_media *film = &page.items[0];
    ck_assert_int_eq(film->tmdb_id, 10378);
    ck_assert_int_eq(film->type, PROVIDER_MOVIE);
    ck_assert_str_eq(film->title, "Big Buck Bunny");
    ck_assert_str_eq(film->original_title, "BBB");
    ck_assert_str_eq(film->overview, "A giant rabbit.");
    ck_assert_str_eq(film->release_date, "2008-04-10");
    ck_assert_int_eq(film->year, 2008);
    ck_assert_uint_eq(film->genre_count, 3);
    ck_assert_str_eq(film->genres[0], "Animation");
    ck_assert_str_eq(film->genres[2], "Family");
    ck_assert_str_eq(film->poster_url, "https://image.tmdb.org/t/p/w500/i9jJzvoXET4D9pOkoEwncSdNNER.jpg");
    ck_assert_ptr_null(film->backdrop_url);
    ck_assert(film->vote > 6.4 && film->vote < 6.6);
    const struct provider_media *series = &page.items[1];
    ck_assert_int_eq(series->type, PROVIDER_TV);
    ck_assert_str_eq(series->title, "A Series");
    ck_assert_str_eq(series->original_title, "Une s\xc3\xa9rie");
    ck_assert_int_eq(series->year, 2011);
    ck_assert_str_eq(series->genres[0], "Sci-Fi & Fantasy");
    ck_assert_ptr_null(series->poster_url);
    ck_assert_int_eq(page.items[2].year, 0);
    ck_assert_ptr_null(page.items[2].release_date);
}
END_TEST

static void answer_film(struct scripted_call *call, void *context)
{
    (void)context;
    char key[600] = "";
    scripted_header(call, "Authorization", key, sizeof key);
    bool asked_right = strcmp(key, "Bearer eyJhbGciOi.x.y") == 0 && strstr(call->target, "api_key") == NULL &&
                       strncmp(call->target, "/3/movie/10378?", 15) == 0;
    scripted_reply(call, asked_right ? 200 : 400, NULL,
                   "{\"id\":10378,\"title\":\"Big Buck Bunny\",\"runtime\":8,\"imdb_id\":\"tt1254207\","
                   "\"genres\":[{\"id\":16,\"name\":\"Animation\"},{\"id\":999,\"name\":\"New\"}]}");
}

/* req: S44 */
START_TEST(tmdb__tells_details_and_takes_a_bearer_token)
{
    struct provider_media film;
    serve(answer_film);
    tmdb.api_key = "eyJhbGciOi.x.y";
    tmdb.base_url = arena_printf(arena, "%s/3/", scripted_server_url(server));
    ck_assert_int_eq(details(10378, &film), E_OK);
    ck_assert_int_eq(film.runtime_min, 8);
    ck_assert_str_eq(film.imdb_id, "tt1254207");
    ck_assert_uint_eq(film.genre_count, 2);
    ck_assert_str_eq(film.genres[1], "New");
}
END_TEST

static void answer_long(struct scripted_call *call, void *context)
{
    (void)context;
    char *body = malloc(100000);
    char *at = body + sprintf(body, "{\"results\":[{\"id\":1,\"title\":\"");
    for (int i = 0; i < 20000; i++)
        at += sprintf(at, "\xc3\xa9");
    sprintf(at, "\"}],\"total_pages\":-5,\"total_results\":-1}");
    scripted_reply(call, 200, NULL, body);
    free(body);
}

static void answer_series(struct scripted_call *call, void *context)
{
    (void)context;
    bool asked_right = strncmp(call->target, "/3/tv/7?", 8) == 0 &&
                       strstr(call->target, "append_to_response=alternative_titles,season/2") != NULL;
    scripted_reply(call, asked_right ? 200 : 400, NULL,
                   "{\"id\":7,\"name\":\"A Series\",\"alternative_titles\":{\"results\":["
                   "{\"title\":\"Une s\xc3\xa9rie\"},{\"title\":7},{\"title\":\"\"},{},{\"title\":\"B\"}]},"
                   "\"seasons\":[{\"season_number\":0,\"episode_count\":9},"
                   "{\"season_number\":1,\"episode_count\":10},{\"season_number\":2,\"episode_count\":2}],"
                   "\"season/2\":{\"episodes\":[{\"episode_number\":1,\"air_date\":\"2012-01-01\"},"
                   "{\"episode_number\":2,\"air_date\":\"2012-01-08\"},"
                   "{\"episode_number\":3,\"air_date\":null}]}}");
}

static enum err_code known_of(int season, int episode, struct tmdb_known *known)
{
    const struct tmdb_wanted wanted = {PROVIDER_TV, 7, season, episode};
    return tmdb_known(&tmdb, &wanted, arena, known, &err);
}

START_TEST(tmdb__tells_other_names_and_the_number_and_day_of_an_episode)
{
    struct tmdb_known known;
    serve(answer_series);
    ck_assert_int_eq(known_of(2, 2, &known), E_OK);
    ck_assert_uint_eq(known.name_count, 2);
    ck_assert_str_eq(known.names[0], "Une s\xc3\xa9rie");
    ck_assert_str_eq(known.names[1], "B");
    ck_assert_str_eq(known.air_date, "2012-01-08");
    ck_assert_int_eq(known.absolute, 12);
    ck_assert_int_eq(known_of(2, 3, &known), E_OK);
    ck_assert_ptr_null(known.air_date);
    ck_assert_int_eq(known.absolute, 13);
    ck_assert_int_eq(known_of(2, 4, &known), E_OK); /* an episode that it does not have */
    ck_assert_ptr_null(known.air_date);
    ck_assert_int_eq(known.absolute, 0);
}
END_TEST

static void answer_counted(struct scripted_call *call, void *context)
{
    (void)context;
    scripted_reply(call, 200, NULL,
                   "{\"id\":7,\"seasons\":[{\"season_number\":2,\"episode_count\":2}],"
                   "\"season/2\":{\"episodes\":[{\"episode_number\":62},{\"episode_number\":63}]},"
                   "\"season/3\":{\"episodes\":[{\"episode_number\":1}]}}");
}

START_TEST(tmdb__counts_through_all_seasons_only_what_is_told)
{
    struct tmdb_known known;
    serve(answer_counted);
    ck_assert_int_eq(known_of(2, 63, &known), E_OK);
    ck_assert_int_eq(known.absolute, 63); /* the season does not begin at 1 */
    ck_assert_int_eq(known_of(3, 1, &known), E_OK);
    ck_assert_int_eq(known.absolute, 0); /* the first season is not told */
    ck_assert_uint_eq(known.name_count, 0);
}
END_TEST

START_TEST(tmdb__cuts_a_long_title_between_characters)
{
    serve(answer_long);
    ck_assert_int_eq(search(PROVIDER_MOVIE), E_OK);
    ck_assert_uint_eq(strlen(page.items[0].title), PROVIDER_TITLE_BYTES);
    ck_assert_int_eq(page.total_pages, 0);
    ck_assert_int_eq(page.total_results, 0);
}
END_TEST

START_TEST(tmdb__knows_its_genres)
{
    ck_assert_str_eq(tmdb_genre(28), "Action");
    ck_assert_str_eq(tmdb_genre(10770), "TV Movie");
    ck_assert_ptr_null(tmdb_genre(0));
    ck_assert_ptr_null(tmdb_genre(-28));
}
END_TEST

START_TEST(tmdb__refuses_nonsense_before_asking)
{
    struct provider_media film;
    serve(answer_multi);
    ck_assert_int_eq(tmdb_search(&tmdb, &(struct tmdb_query){.query = "", .page = 1}, arena, &page, &err),
                     E_INVALID);
    ck_assert_int_eq(tmdb_search(&tmdb, &(struct tmdb_query){.query = "a", .page = 0}, arena, &page, &err),
                     E_INVALID);
    ck_assert_int_eq(tmdb_search(&tmdb, &(struct tmdb_query){.query = "a", .page = 501}, arena, &page, &err),
                     E_INVALID);
    ck_assert_int_eq(details(0, &film), E_NOT_FOUND);
    tmdb.api_key = "";
    ck_assert_int_eq(search(PROVIDER_MULTI), E_CONFIG);
    ck_assert_int_eq(scripted_server_requests(server), 0);
}
END_TEST

/* ---- losses ------------------------------------------------------------------------------ */

static void answer_odd(struct scripted_call *call, void *context)
{
    (void)context;
    scripted_reply(
        call, 200, NULL,
        "{\"total_results\":6,\"results\":[{\"id\":1,\"title\":\"One\"},"
        "{\"id\":2,\"title\":\"a\\u0000b\"},"
        "{\"id\":3,\"title\":\"\\ud83d\"},"
        "{\"id\":4,\"title\":\"\xff\xfe\"},"
        "{\"id\":5,\"title\":\"Five\",\"vote_average\":1e400,\"overview\":\"a\tb\"},"
        "{\"id\":6,\"title\":\"Six\",\"title\":\"Seven\"},"
        "{\"id\":7,\"title\":\"Deep\",\"x\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}"
        "]}");
}

START_TEST(tmdb__loses_a_bad_value_and_not_the_answer)
{
    serve(answer_odd);
    ck_assert_msg(search(PROVIDER_MOVIE) == E_OK, "%s", err.text);
    ck_assert_uint_eq(page.count, 4);
    ck_assert_str_eq(page.items[0].title, "One");
    ck_assert_str_eq(page.items[1].title, "Five");
    ck_assert_ptr_null(page.items[1].overview);
    ck_assert_str_eq(page.items[2].title, "Six");
    ck_assert_str_eq(page.items[3].title, "Deep");
    ck_assert_uint_eq(page.loss.rows, 3);
    ck_assert_uint_eq(page.loss.values, 7);
    ck_assert_str_eq(provider_loss_text(arena, &page.loss),
                     "3 rows could not be used, 7 values could not be read");
}
END_TEST

/* ---- faults ------------------------------------------------------------------------------ */

static const struct
{
    int status;
    const char *headers;
    const char *body;
    enum err_code code;
    unsigned retry_after_s;
} rows[] = {
    {404, NULL, "{\"status_code\":34}", E_NOT_FOUND, 0},
    {401, NULL, "{\"status_code\":7}", E_CONFIG, 0},
    {429, "Retry-After: 2\r\n", "{\"status_code\":25}", E_TOO_MANY, 2},
    {429, "Retry-After: 86400\r\n", "", E_TOO_MANY, 3600},
    {429, "Retry-After: soon\r\n", "", E_TOO_MANY, 0},
    {500, NULL, "oops", E_PROVIDER, 0},
    {503, "Retry-After: 9\r\n", "", E_PROVIDER, 9},
    {301, "Location: /3/search/multi\r\n", "", E_PROVIDER, 0},
    {200, "Content-Type: text/html\r\n", "<!DOCTYPE html><html><body>Sign in</body></html>", E_PROVIDER, 0},
    {200, NULL, "", E_PROVIDER, 0},
    {200, NULL, "null", E_PROVIDER, 0},
    {200, NULL, "[]", E_PROVIDER, 0},
    {200, NULL, "{}", E_PROVIDER, 0},
    {200, NULL, "{\"results\":{}}", E_PROVIDER, 0},
    {200, NULL, "{\"results\":[", E_PROVIDER, 0},
    {200, "Content-Encoding: gzip\r\n", "not gzip", E_PROVIDER, 0},
    {204, NULL, "", E_PROVIDER, 0},
};

static void answer_row(struct scripted_call *call, void *context)
{
    (void)context;
    int row = atoi(strstr(call->target, "page=") + 5) - 1;
    scripted_reply(call, rows[row].status, rows[row].headers, rows[row].body);
}

/* req: S44 S47 S127 S128 */
START_TEST(tmdb__translates_what_goes_wrong)
{
    serve(answer_row);
    struct tmdb_query query = {.query = "Big Buck Bunny", .page = _i + 1};
    enum err_code code = tmdb_search(&tmdb, &query, arena, &page, &err);
    ck_assert_msg(code == rows[_i].code, "row %d: %s", _i, err.text);
    ck_assert_uint_eq(err.retry_after_s, rows[_i].retry_after_s);
    ck_assert_ptr_nonnull(strstr(err.text, "TMDB"));
    check_no_key();
}
END_TEST

static void answer_never(struct scripted_call *call, void *context)
{
    (void)context;
    while (scripted_wait(call, 1000))
        ;
}

/* req: S129 */
START_TEST(tmdb__times_out)
{
    serve(answer_never);
    tmdb.deadline_ms = 300;
    int64_t began_ms = clock_mono_ms();
    ck_assert_int_eq(search(PROVIDER_MULTI), E_TIMEOUT);
    ck_assert_int_lt(clock_mono_ms() - began_ms, 3000);
    check_no_key();
}
END_TEST

static void answer_endless(struct scripted_call *call, void *context)
{
    (void)context;
    static char block[65536];
    memset(block, ' ', sizeof block);
    scripted_send_text(call, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n");
    while (scripted_send(call, block, sizeof block))
        ;
}

/* req: S135 */
START_TEST(tmdb__stops_an_endless_answer)
{
    serve(answer_endless);
    ck_assert_int_eq(search(PROVIDER_MULTI), E_PROVIDER);
    check_no_key();
}
END_TEST

static void answer_deep(struct scripted_call *call, void *context)
{
    (void)context;
    char *body = malloc(1000001);
    memset(body, '[', 1000000);
    body[1000000] = '\0';
    scripted_reply(call, 200, NULL, body);
    free(body);
}

START_TEST(tmdb__survives_a_million_brackets)
{
    serve(answer_deep);
    ck_assert_int_eq(search(PROVIDER_MULTI), E_PROVIDER);
}
END_TEST

START_TEST(tmdb__away_can_be_tried_again)
{
    serve(answer_multi);
    char *url = arena_strdup(arena, scripted_server_url(server));
    scripted_server_stop(server);
    server = NULL;
    tmdb.base_url = url;
    ck_assert_int_eq(search(PROVIDER_MULTI), E_PROVIDER);
    ck_assert_int_eq(err_job(E_PROVIDER), ERR_JOB_RETRY);
    check_no_key();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tmdb");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, tmdb__finds_films_and_series);
    tcase_add_test(tests, tmdb__tells_details_and_takes_a_bearer_token);
    tcase_add_test(tests, tmdb__tells_other_names_and_the_number_and_day_of_an_episode);
    tcase_add_test(tests, tmdb__counts_through_all_seasons_only_what_is_told);
    tcase_add_test(tests, tmdb__cuts_a_long_title_between_characters);
    tcase_add_test(tests, tmdb__knows_its_genres);
    tcase_add_test(tests, tmdb__refuses_nonsense_before_asking);
    tcase_add_test(tests, tmdb__loses_a_bad_value_and_not_the_answer);
    tcase_add_loop_test(tests, tmdb__translates_what_goes_wrong, 0, sizeof rows / sizeof rows[0]);
    tcase_add_test(tests, tmdb__times_out);
    tcase_add_test(tests, tmdb__stops_an_endless_answer);
    tcase_add_test(tests, tmdb__survives_a_million_brackets);
    tcase_add_test(tests, tmdb__away_can_be_tried_again);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
