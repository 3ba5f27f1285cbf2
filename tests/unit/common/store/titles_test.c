/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/id.h"
#include "common/json/json.h"
#include "common/store/favorites.h"
#include "common/store/history.h"
#include "common/store/media.h"
#include "common/store/releases.h"
#include "tests/support/test_db.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct db *db;
static struct arena *arena;
static struct err err;

static void setup(void)
{
    arena = arena_new(16 << 20);
    db = test_db_open();
}

static void teardown(void)
{
    test_db_close(db);
    arena_free(arena);
    db_pool_close(test_db_pool());
}

static const struct json *parsed(const char *text)
{
    const struct json *doc = NULL;
    ck_assert_int_eq(json_parse(arena, text, strlen(text), &doc, &err), E_OK);
    return doc;
}

static const char *text_of(const struct json *item, const char *name)
{
    return json_text(json_get(item, name), "");
}

static const char *const genres[] = {"Drama", "A \"quoted\" {one}, <b>"};

static struct media_new film(int64_t tmdb_id, const char *title)
{
    return (struct media_new){.tmdb_id = tmdb_id,
                              .media_type = "movie",
                              .title = title,
                              .year = 2010,
                              .release_date = "2010-07-15",
                              .genres = genres,
                              .genre_count = 2,
                              .vote = 8.5};
}

START_TEST(media__are_stored_in_one_statement_and_told_in_their_order)
{
    const char *items = NULL;
    const struct media_new media[] = {film(30, "Third"), film(10, "First"), film(20, "Second"),
                                      film(10, "Again")};
    ck_assert_int_eq(media_store_upsert(db, arena, media, 4, &items, &err), E_OK);
    const struct json *list = parsed(items);
    ck_assert_uint_eq(json_count(list), 3);
    const struct json *first = json_first(list);
    ck_assert_str_eq(text_of(first, "title"), "Third");
    ck_assert_str_eq(text_of(json_next(first), "title"), "First");
    ck_assert_str_eq(text_of(json_next(json_next(first)), "title"), "Second");
    ck_assert_str_eq(json_text(json_next(json_first(json_get(first, "genres"))), ""), genres[1]);
    ck_assert_str_eq(text_of(first, "release_date"), "2010-07-15");

    const char *id = arena_strdup(arena, text_of(first, "id"));
    struct media_new bare = {.tmdb_id = 30, .media_type = "movie", .title = "Renamed"};
    ck_assert_int_eq(media_store_upsert(db, arena, &bare, 1, &items, &err), E_OK);
    first = json_first(parsed(items));
    ck_assert_str_eq(text_of(first, "id"), id);
    ck_assert_str_eq(text_of(first, "title"), "Renamed");
    ck_assert_uint_eq(json_count(json_get(first, "genres")), 2); /* what is not told is not forgotten */
}
END_TEST

/* part: S41 */
START_TEST(media__that_make_no_sense_are_left_out)
{
    const char *items = NULL;
    static const char *const empty[] = {""};
    struct media_new media[] = {film(-1, "Negative"), film(41, ""), film(42, "No type"),
                                film(43, "Bad genre"), film(44, "Impossible times")};
    media[2].media_type = "song";
    media[3].genres = empty;
    media[3].genre_count = 1;
    media[4].year = 3000;
    media[4].release_date = "2010-02-31";
    for (int i = 0; i < 4; i++)
        ck_assert(!media_is_valid(&media[i]));
    ck_assert_int_eq(media_store_upsert(db, arena, media, 5, &items, &err), E_OK);
    const struct json *list = parsed(items);
    ck_assert_uint_eq(json_count(list), 1);
    ck_assert_str_eq(text_of(json_first(list), "title"), "Impossible times");
    ck_assert(json_is_null(json_get(json_first(list), "year")));
    ck_assert(json_is_null(json_get(json_first(list), "release_date")));
    ck_assert_int_eq(media_store_upsert(db, arena, NULL, 0, &items, &err), E_OK);
    ck_assert_str_eq(items, "[]");
}
END_TEST

START_TEST(media__are_found_by_id)
{
    struct media_title title;
    const char *json = NULL;
    const char *id = test_db_media(db, 50, "Found");
    ck_assert_int_eq(media_store_get(db, arena, id, &json, &err), E_OK);
    ck_assert_str_eq(text_of(parsed(json), "title"), "Found");
    ck_assert_int_eq(media_store_title(db, arena, id, &title, &err), E_OK);
    ck_assert_str_eq(title.title, "Found");
    ck_assert_int_eq(title.tmdb_id, 50);
    ck_assert_int_eq(title.year, 0);
    const char *nobody = "00000000-0000-7000-8000-000000000000";
    ck_assert_int_eq(media_store_get(db, arena, nobody, &json, &err), E_NOT_FOUND);
    ck_assert_int_eq(media_store_title(db, arena, nobody, &title, &err), E_NOT_FOUND);
}
END_TEST

static struct release_new release(const char *key, int score, int seeders)
{
    return (struct release_new){.dedupe_key = key,
                                .title = key,
                                .indexer = "indexer",
                                .size_bytes = 1 << 30,
                                .seeders = seeders,
                                .score = score,
                                .reasons = "[{\"points\":1,\"text\":\"x\"}]"};
}

START_TEST(releases__are_merged_by_their_key_and_listed_best_first)
{
    struct release_stored stored = {0};
    struct store_page page;
    const char *media = test_db_media(db, 60, "Released");
    struct release_new releases[] = {release("a", 50, 5), release("b", 90, 1), release("c", 90, 7),
                                     release("b", 10, 1), release("d", 0, -1)};
    releases[0].magnet = "magnet:?xt=urn:btih:a";
    ck_assert_int_eq(release_store_put(db, media, releases, 5, &stored, &err), E_OK);
    ck_assert_int_eq(stored.count, 4);
    releases[0] = release("a", 95, 9); /* found again, without its magnet link this time */
    ck_assert_int_eq(release_store_put(db, media, releases, 1, &stored, &err), E_OK);

    const struct store_ask ask = {.limit = 3};
    ck_assert_int_eq(release_store_list(db, arena, media, &ask, &page, &err), E_OK);
    const struct json *first = json_first(parsed(page.items));
    ck_assert_str_eq(text_of(first, "title"), "a");
    ck_assert_str_eq(text_of(first, "magnet"), "magnet:?xt=urn:btih:a");
    ck_assert_str_eq(text_of(json_next(first), "title"), "c");
    ck_assert_str_eq(text_of(json_next(json_next(first)), "title"), "b");
    ck_assert_int_eq(page.total, 4);
    const struct store_ask rest = {.limit = 3, .cursor = page.next};
    ck_assert_int_eq(release_store_list(db, arena, media, &rest, &page, &err), E_OK);
    ck_assert_str_eq(text_of(json_first(parsed(page.items)), "title"), "d");
    ck_assert_ptr_null(page.next);
    ck_assert_int_eq(page.total, STORE_TOTAL_UNKNOWN);
}
END_TEST

START_TEST(releases__tell_an_unknown_number_of_seeders_as_null)
{
    struct release_stored stored = {0};
    struct store_page page;
    const char *media = test_db_media(db, 65, "Quiet");
    struct release_new releases[] = {release("a", 90, -1), release("b", 80, 0), release("c", 70, 3)};
    const struct store_ask ask = {.limit = 3};
    ck_assert_int_eq(release_store_put(db, media, releases, 3, &stored, &err), E_OK);
    ck_assert_int_eq(release_store_list(db, arena, media, &ask, &page, &err), E_OK);
    const struct json *first = json_first(parsed(page.items));
    ck_assert(json_is_null(json_get(first, "seeders")));
    ck_assert_int_eq(json_int(json_get(json_next(first), "seeders"), -1), 0);
    ck_assert_int_eq(json_int(json_get(json_next(json_next(first)), "seeders"), -1), 3);
    releases[0].seeders = 4; /* known after all */
    ck_assert_int_eq(release_store_put(db, media, releases, 1, &stored, &err), E_OK);
    ck_assert_int_eq(release_store_list(db, arena, media, &ask, &page, &err), E_OK);
    ck_assert_int_eq(json_int(json_get(json_first(parsed(page.items)), "seeders"), -1), 4);
}
END_TEST

START_TEST(releases__give_the_best_fit_one)
{
    struct release_stored stored = {0};
    struct release_source source;
    const char *media = test_db_media(db, 61, "Chosen");
    const char *other = test_db_media(db, 62, "Other");
    ck_assert_int_eq(release_store_best(db, arena, media, &source, &err), E_NOT_FOUND);
    struct release_new releases[] = {release("unfit", 0, 900), release("good", 70, 5),
                                     release("better", 70, 6)};
    releases[2].season = 2;
    releases[2].episode = 3;
    ck_assert_int_eq(release_store_put(db, media, releases, 1, &stored, &err), E_OK);
    ck_assert_int_eq(release_store_best(db, arena, media, &source, &err), E_NOT_FOUND);
    ck_assert_int_eq(release_store_put(db, media, releases, 3, &stored, &err), E_OK);
    ck_assert_int_eq(release_store_best(db, arena, media, &source, &err), E_OK);
    ck_assert_str_eq(source.title, "better");
    ck_assert_str_eq(source.season, "2");
    ck_assert_str_eq(source.episode, "3");
    const char *id = source.id;
    ck_assert_int_eq(release_store_source(db, arena, id, media, &source, &err), E_OK);
    ck_assert_int_eq(release_store_source(db, arena, id, NULL, &source, &err), E_OK);
    ck_assert_int_eq(release_store_source(db, arena, id, other, &source, &err), E_NOT_FOUND);
    const char *nobody = "00000000-0000-7000-8000-000000000000";
    ck_assert_int_eq(release_store_put(db, nobody, releases, 1, &stored, &err), E_NOT_FOUND);
}
END_TEST

/* req: S9 S67 S68 S69 */
START_TEST(favorites__belong_to_one_user_and_stand_once)
{
    bool added = false;
    const char *json = NULL;
    struct store_page page;
    const char *anna = test_db_user(db, "anna");
    const char *bert = test_db_user(db, "bert");
    const char *media = test_db_media(db, 70, "Liked");
    const struct favorite_new by_id = {.user_id = anna, .media_id = media};
    const struct favorite_new by_tmdb = {.user_id = anna, .tmdb_id = 70, .media_type = "movie"};
    const struct favorite_new by_type = {.user_id = anna, .tmdb_id = 70, .media_type = "tv"};
    ck_assert_int_eq(favorite_store_add(db, arena, &by_id, &added, &json, &err), E_OK);
    ck_assert(added);
    const char *at = text_of(parsed(json), "favorited_at");
    ck_assert_int_eq(favorite_store_add(db, arena, &by_tmdb, &added, &json, &err), E_OK);
    ck_assert(!added);
    ck_assert_str_eq(text_of(parsed(json), "favorited_at"), at);
    ck_assert_int_eq(favorite_store_add(db, arena, &by_type, &added, &json, &err), E_NOT_FOUND);
    const struct store_ask ask = {.limit = 10};
    ck_assert_int_eq(favorite_store_list(db, arena, anna, &ask, &page, &err), E_OK);
    ck_assert_int_eq(page.total, 1);
    ck_assert_int_eq(favorite_store_list(db, arena, bert, &ask, &page, &err), E_OK);
    ck_assert_str_eq(page.items, "[]");
    ck_assert_int_eq(favorite_store_remove(db, bert, media, &err), E_NOT_FOUND);
    ck_assert_int_eq(favorite_store_remove(db, anna, media, &err), E_OK);
    ck_assert_int_eq(favorite_store_remove(db, anna, media, &err), E_NOT_FOUND);
}
END_TEST

/* How often the server ran a statement about favorites or media in this database, its own questions apart. */
static int64_t statements(void)
{
    return test_db_int(
        db, "SELECT coalesce(sum(calls), 0) FROM pg_stat_statements JOIN pg_database d ON d.oid = dbid "
            "WHERE datname = current_database() AND query ~ '(favorites|media)' "
            "AND query !~ 'pg_stat_statements'");
}

/* The statements that one list of so many costs. */
static int64_t cost_of_list(const char *user, uint32_t limit)
{
    struct store_page page;
    const struct store_ask ask = {.limit = limit};
    int64_t before = statements();
    ck_assert_int_eq(favorite_store_list(db, arena, user, &ask, &page, &err), E_OK);
    ck_assert_uint_eq(json_count(parsed(page.items)), limit);
    return statements() - before;
}

/* req: S28 part: S57 */
START_TEST(lists__of_a_hundred_cost_as_many_statements_as_of_one_and_skip_nothing)
{
    struct store_page page;
    const char *user = test_db_user(db, "collector");
    const struct store_ask ask = {.limit = 100};
    struct store_ask step = {.limit = 7};
    size_t seen = 0;
    char sql[512];
    test_db_exec(db, "CREATE EXTENSION pg_stat_statements");
    snprintf(
        sql, sizeof sql,
        "WITH m AS (INSERT INTO media (id, tmdb_id, media_type, title) SELECT gen_random_uuid(), 80000 + n, "
        "'movie', 'F' || n FROM generate_series(1, 100) n RETURNING id) "
        "INSERT INTO favorites SELECT '%s', id, now() FROM m",
        user); /* one instant for all: the id decides */
    test_db_exec(db, sql);
    ck_assert_int_eq(favorite_store_list(db, arena, user, &ask, &page, &err), E_OK);
    ck_assert_uint_eq(json_count(parsed(page.items)), 100);
    ck_assert_int_eq(page.total, 100);
    ck_assert_ptr_null(page.next);
    do
    {
        ck_assert_int_eq(favorite_store_list(db, arena, user, &step, &page, &err), E_OK);
        seen += json_count(parsed(page.items));
        step.cursor = page.next;
    } while (page.next != NULL);
    ck_assert_uint_eq(seen, 100);
    int64_t one = cost_of_list(user, 1);
    ck_assert_int_ge(one, 1);
    ck_assert_int_le(one, 2); /* the rows, and their number */
    ck_assert_int_eq(cost_of_list(user, 100), one);
}
END_TEST

START_TEST(lists__refuse_cursors_that_are_none)
{
    static const char *const bad[] = {"",
                                      "x",
                                      "1",
                                      "1.",
                                      "1.x",
                                      ".",
                                      "99999999999999999999.x",
                                      "1.00000000-0000-7000-8000-00000000000",
                                      "a.00000000-0000-7000-8000-000000000000"};
    struct store_page page;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    {
        const struct store_ask ask = {.limit = 1, .cursor = bad[i]};
        ck_assert_int_eq(favorite_store_list(db, arena, ID_SYSTEM_USER, &ask, &page, &err), E_INVALID);
    }
}
END_TEST

/* req: S70 */
START_TEST(history__is_newest_first)
{
    const char *json = NULL;
    struct store_page page;
    const char *user = test_db_user(db, "watcher");
    const char *media = test_db_media(db, 90, "Seen");
    for (int i = 1; i <= 3; i++)
    {
        const struct history_new entry = {user, media, i, i == 1 ? -1 : 100};
        ck_assert_int_eq(history_store_add(db, arena, &entry, &json, &err), E_OK);
    }
    const struct store_ask ask = {.limit = 10};
    ck_assert_int_eq(history_store_list(db, arena, user, &ask, &page, &err), E_OK);
    const struct json *first = json_first(parsed(page.items));
    ck_assert_int_eq(json_int(json_get(first, "position_s"), 0), 3);
    ck_assert_str_eq(text_of(json_get(first, "media"), "title"), "Seen");
    ck_assert(json_is_null(json_get(json_next(json_next(first)), "duration_s")));
    const struct history_new nothing = {user, "00000000-0000-7000-8000-000000000000", 1, 1};
    ck_assert_int_eq(history_store_add(db, arena, &nothing, &json, &err), E_NOT_FOUND);
}
END_TEST

int main(void)
{
    test_db_create();
    Suite *suite = suite_create("titles");
    TCase *tc = tcase_create("titles");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 30);
    tcase_add_test(tc, media__are_stored_in_one_statement_and_told_in_their_order);
    tcase_add_test(tc, media__that_make_no_sense_are_left_out);
    tcase_add_test(tc, media__are_found_by_id);
    tcase_add_test(tc, releases__are_merged_by_their_key_and_listed_best_first);
    tcase_add_test(tc, releases__tell_an_unknown_number_of_seeders_as_null);
    tcase_add_test(tc, releases__give_the_best_fit_one);
    tcase_add_test(tc, favorites__belong_to_one_user_and_stand_once);
    tcase_add_test(tc, lists__of_a_hundred_cost_as_many_statements_as_of_one_and_skip_nothing);
    tcase_add_test(tc, lists__refuse_cursors_that_are_none);
    tcase_add_test(tc, history__is_newest_first);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    test_db_drop();
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
