/* SPDX-License-Identifier: Apache-2.0 */
#include "common/store/hunter.h"

#include "common/base/id.h"
#include "common/store/downloads.h"
#include "common/store/jobs.h"
#include "tests/support/suite.h"
#include "tests/support/test_db.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct db *db;
static struct arena *arena;
static struct err err;
static struct id download_id;
static struct id job;
static const char *media_id;
static struct hunter_guard guard;

static void exec(const char *fmt, ...) PRINTF_LIKE(1, 2);
static void exec(const char *fmt, ...)
{
    char sql[2000];
    va_list args;
    va_start(args, fmt);
    vsnprintf(sql, sizeof sql, fmt, args);
    va_end(args);
    test_db_exec(db, sql);
}

static int64_t number(const char *fmt, ...) PRINTF_LIKE(1, 2);
static int64_t number(const char *fmt, ...)
{
    char sql[2000];
    va_list args;
    va_start(args, fmt);
    vsnprintf(sql, sizeof sql, fmt, args);
    va_end(args);
    return test_db_int(db, sql);
}

/* A running job under fence 3, and its download. */
static void setup(void)
{
    arena = arena_new(8 << 20);
    db = test_db_open();
    download_id = id_new();
    job = id_new();
    char name[32];
    snprintf(name, sizeof name, "u%.20s", job.text + 14);
    const char *user = test_db_user(db, name);
    media_id = test_db_media(db, (int64_t)(strtoull(job.text + 28, NULL, 16) & 0xffffff), "Film");
    exec(
        "INSERT INTO jobs (job_id, kind, worker, user_id, status, fence, attempts, started_at) VALUES ('%s', "
        "'download', 'hunter', '%s', 'Running', 3, 1, now())",
        job.text, user);
    exec("INSERT INTO downloads (id, user_id, media_id, job_id) VALUES ('%s', '%s', '%s', '%s')",
         download_id.text, user, media_id, job.text);
    guard = (struct hunter_guard){job.text, 3, download_id.text};
}

static void teardown(void)
{
    test_db_close(db);
    arena_free(arena);
    db_pool_close(test_db_pool());
}

static const char *torrent(const char *hash)
{
    const char *id = NULL;
    struct infohash named = {.v1 = ""};
    ck_assert(infohash_parse(hash, 40, &named));
    const struct torrent_claim claim = {
        .user_id = ID_SYSTEM_USER, .hash = &named, .name = "said by a magnet link"};
    ck_assert_int_eq(torrent_store_claim(db, arena, &claim, &id, &err), E_OK);
    return id;
}

static enum err_code take(const struct hunter_guard *with)
{
    struct hunter_download download;
    return hunter_store_take(db, arena, with, media_id, "here", &download, &err);
}

START_TEST(hunter__takes_its_download_and_no_one_elses)
{
    struct hunter_download download;
    ck_assert_int_eq(hunter_store_take(db, arena, &guard, NULL, "here", &download, &err), E_OK);
    ck_assert_str_eq(download.media_id, media_id);
    ck_assert_str_eq(download.wanted, "run");
    ck_assert_ptr_null(download.torrent_id);
    ck_assert_ptr_null(download.files);
    ck_assert_int_eq(number("SELECT count(*) FROM downloads WHERE id = '%s' AND node = 'here' AND status = "
                            "'Running'",
                            download_id.text),
                     1);
    struct hunter_guard old = guard;
    old.fence = 2;
    ck_assert_int_eq(take(&old), E_CONFLICT);
    exec("UPDATE downloads SET user_id = '%s' WHERE id = '%s'", test_db_user(db, "someone-else"),
         download_id.text);
    ck_assert_int_eq(take(&guard), E_CONFLICT);
}
END_TEST

/* req: S114 */
START_TEST(hunter__makes_the_download_of_a_job_that_came_without_one)
{
    exec("DELETE FROM downloads WHERE id = '%s'", download_id.text);
    ck_assert_int_eq(take(&guard), E_OK);
    ck_assert_int_eq(number("SELECT count(*) FROM downloads WHERE id = '%s' AND job_id = '%s'",
                            download_id.text, job.text),
                     1);
    struct id other = id_new();
    struct hunter_guard unknown = guard;
    unknown.download_id = other.text;
    struct hunter_download download;
    ck_assert_int_eq(hunter_store_take(db, arena, &unknown, ID_SYSTEM_USER, "here", &download, &err),
                     E_NOT_FOUND);
}
END_TEST

/* req: S116 */
START_TEST(hunter__tells_progress_only_under_its_guard)
{
    struct hunter_progress lines[] = {
        {guard, 0.25, 25, 100, 7, 2, 11, "Downloading"},
        {{job.text, 2, download_id.text}, 0.9, 90, 100, 0, 0, -1, "a lie"},
    };
    bool told[2] = {false, true};
    ck_assert_int_eq(hunter_store_progress(db, arena, lines, 1, told, &err), E_OK);
    ck_assert(told[0]);
    ck_assert_int_eq(hunter_store_progress(db, arena, lines + 1, 1, told + 1, &err), E_OK);
    ck_assert(!told[1]);
    ck_assert_int_eq(number("SELECT count(*) FROM downloads WHERE id = '%s' AND progress = 0.25 AND "
                            "downloaded_bytes = 25 AND total_bytes = 100 AND down_rate = 7 AND peers = 2 AND "
                            "eta_s = 11 AND detail = 'Downloading' AND progress_at IS NOT NULL",
                            download_id.text),
                     1);
}
END_TEST

START_TEST(hunter__tells_of_the_others_when_one_line_is_refused)
{
    struct id none = id_new();
    struct hunter_progress lines[] = {
        {{none.text, 1, none.text}, 0.5, 1, 2, 0, 0, -1, "Tracker refuses: caf\xe9"},
        {guard, 0.75, 75, 100, 0, 0, -1, "Downloading"},
        {{none.text, 1, none.text}, 0.5, 1, 2, 0, 0, -1, "cut in a character \xf0\x9f\x98"},
    };
    bool told[3] = {false, false, false};
    ck_assert_int_eq(hunter_store_progress(db, arena, lines, 3, told, &err), E_OK);
    ck_assert(told[0] && told[1] && told[2]);
    ck_assert_int_eq(
        number("SELECT count(*) FROM downloads WHERE id = '%s' AND progress = 0.75", download_id.text), 1);
}
END_TEST

START_TEST(hunter__waits_for_nobody_to_tell_progress)
{
    struct db *other = test_db_open();
    struct hunter_progress line = {guard, 0.5, 50, 100, 0, 0, -1, "Downloading"};
    bool told = true;
    ck_assert_int_eq(db_begin(other, &err), E_OK);
    char sql[200];
    snprintf(sql, sizeof sql, "UPDATE jobs SET run_at = now() WHERE job_id = '%s'", job.text);
    test_db_exec(other, sql);
    ck_assert_int_eq(hunter_store_progress(db, arena, &line, 1, &told, &err), E_OK);
    ck_assert(!told);
    db_rollback(other);
    ck_assert_int_eq(hunter_store_progress(db, arena, &line, 1, &told, &err), E_OK);
    ck_assert(told);
    test_db_close(other);
}
END_TEST

START_TEST(hunter__keeps_its_words_over_a_heartbeat_and_drops_them_at_the_end)
{
    struct hunter_progress line = {guard, 0.5, 50, 100, 0, 0, -1, "Tracker unreachable, retrying..."};
    bool told = false;
    ck_assert_int_eq(hunter_store_progress(db, arena, &line, 1, &told, &err), E_OK);
    exec("UPDATE jobs SET lease_until = now(), progress = '1' WHERE job_id = '%s'", job.text);
    ck_assert_int_eq(number("SELECT count(*) FROM downloads WHERE id = '%s' AND detail LIKE 'Tracker%%'",
                            download_id.text),
                     1);
    exec("UPDATE jobs SET status = 'Failed', reason = 'stalled', detail = 'why', finished_at = now() WHERE "
         "job_id "
         "= '%s'",
         job.text);
    ck_assert_int_eq(
        number("SELECT count(*) FROM downloads WHERE id = '%s' AND status = 'Failed' AND reason = "
               "'stalled' AND detail = 'why'",
               download_id.text),
        1);
}
END_TEST

static void release(const char *title, int score, const char *columns, const char *values)
{
    struct id id = id_new();
    exec("INSERT INTO releases (id, media_id, dedupe_key, title, score, reasons, magnet%s) VALUES ('%s', "
         "'%s', "
         "'%s', '%s', %d, '[]', 'magnet:?'%s)",
         columns, id.text, media_id, title, title, score, values);
}

START_TEST(hunter__moves_on_to_the_best_release_that_was_not_tried)
{
    struct release_source *next = NULL;
    release("best", 90, "", "");
    release("good", 70, "", "");
    release("unfit", 0, "", "");
    release("of an episode", 80, ", season, episode", ", 1, 2");
    exec("UPDATE downloads SET release_id = (SELECT id FROM releases WHERE title = 'best' AND media_id = "
         "'%s') "
         "WHERE id = '%s'",
         media_id, download_id.text);
    ck_assert_int_eq(hunter_store_next(db, arena, &guard, "stalled", "nothing came", &next, &err), E_OK);
    ck_assert_str_eq(next->title, "good");
    ck_assert_int_eq(
        number("SELECT count(*) FROM downloads WHERE id = '%s' AND jsonb_array_length(tries) = 1 "
               "AND tries->0->>'title' = 'best' AND tries->0->>'detail' = 'nothing came'",
               download_id.text),
        1);
    ck_assert_int_eq(hunter_store_next(db, arena, &guard, "stalled", "again", &next, &err), E_OK);
    ck_assert_ptr_null(next);
    ck_assert_int_eq(hunter_store_tried(db, arena, &guard, "stalled", "again", &err), E_OK);
    ck_assert_int_eq(
        number("SELECT jsonb_array_length(tries) FROM downloads WHERE id = '%s'", download_id.text), 2);
}
END_TEST

START_TEST(hunter__writes_nothing_of_a_torrent_once_the_job_is_lost)
{
    static const char metainfo[] = "d8:announce3:url4:infod6:pieces0:ee";
    const char *known_as = NULL;
    const char *id = torrent("d38308ebeda8a85e730b9393f0bb37970c57e78f"); /* of the info in it */
    const struct hunter_torrent all = {.torrent_id = id,
                                       .known = {.name = "film",
                                                 .size_bytes = 9,
                                                 .metainfo = metainfo,
                                                 .metainfo_len = sizeof metainfo - 1,
                                                 .files = "[{\"index\":0,\"path\":\"film\",\"size\":9}]"},
                                       .node = "here",
                                       .done_bytes = 9,
                                       .wanted_bytes = 9};
    ck_assert_int_eq(hunter_store_bind(db, arena, &guard, id, "here", &err), E_OK);
    ck_assert_int_eq(number("SELECT count(*) FROM torrents WHERE id = '%s' AND status = 'Running'", id), 1);
    guard.fence = 2;
    ck_assert_int_eq(hunter_store_describe(db, arena, &guard, &all, &known_as, &err), E_LOST);
    ck_assert_int_eq(number("SELECT count(*) FROM torrents WHERE id = '%s' AND metainfo IS NULL", id), 1);
    guard.fence = 3;
    ck_assert_int_eq(hunter_store_describe(db, arena, &guard, &all, &known_as, &err), E_OK);
    ck_assert_str_eq(known_as, id);
    ck_assert_int_eq(
        number("SELECT count(*) FROM torrents WHERE id = '%s' AND name = 'film' AND size = 9 AND "
               "status = 'Completed' AND metainfo IS NOT NULL AND files->0->>'path' = 'film'",
               id),
        1);
    ck_assert_int_eq(
        number("SELECT count(*) FROM downloads WHERE id = '%s' AND progress = 1", download_id.text), 1);
}
END_TEST

/* req: S118 */
START_TEST(hunter__seeds_what_is_complete_young_enough_and_wanted)
{
    struct hunter_seed *seeds = NULL;
    const char **unwanted = NULL;
    size_t n = 0;
    const char *id = torrent("bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb");
    exec("UPDATE torrents SET status = 'Completed', node = 'seeder', metainfo = 'd' WHERE id = '%s'", id);
    exec("UPDATE downloads SET torrent_id = '%s', files = '{0,2}' WHERE id = '%s'", id, download_id.text);
    exec("UPDATE jobs SET status = 'Completed', finished_at = now() - interval '23 h' WHERE job_id = '%s'",
         job.text);
    ck_assert_int_eq(hunter_store_seeds(db, arena, "seeder", 24, &seeds, &n, &err), E_OK);
    ck_assert_uint_eq(n, 1);
    ck_assert_str_eq(seeds[0].torrent_id, id);
    ck_assert_str_eq(seeds[0].files, "0,2");
    ck_assert_int_eq(hunter_store_seeds(db, arena, "seeder", 22, &seeds, &n, &err), E_OK);
    ck_assert_uint_eq(n, 0);
    ck_assert_int_eq(hunter_store_seeds(db, arena, "other", 24, &seeds, &n, &err), E_OK);
    ck_assert_uint_eq(n, 0);
    ck_assert_int_eq(hunter_store_unwanted(db, arena, &id, 1, &unwanted, &n, &err), E_OK);
    ck_assert_uint_eq(n, 0);
    bool kept = true;
    ck_assert_int_eq(hunter_store_is_kept(db, id, download_id.text, &kept, &err), E_OK);
    ck_assert(!kept);
    exec("UPDATE downloads SET wanted = 'delete' WHERE id = '%s'", download_id.text);
    ck_assert_int_eq(hunter_store_unwanted(db, arena, &id, 1, &unwanted, &n, &err), E_OK);
    ck_assert_uint_eq(n, 1);
    ck_assert_int_eq(hunter_store_forget(db, id, &err), E_OK);
    ck_assert_int_eq(number("SELECT count(*) FROM torrents WHERE id = '%s' AND status = 'Pending'", id), 1);
}
END_TEST

START_TEST(hunter__loses_what_is_complete_at_this_node_until_it_is_complete_again)
{
    const char *text = NULL;
    const char *id = torrent("dddddddddddddddddddddddddddddddddddddddd");
    exec("UPDATE torrents SET status = 'Completed', node = 'here' WHERE id = '%s'", id);
    exec("UPDATE downloads SET torrent_id = '%s' WHERE id = '%s'", id, download_id.text);
    exec("UPDATE jobs SET status = 'Completed', finished_at = now() WHERE job_id = '%s'", job.text);
    ck_assert_int_eq(hunter_store_lose(db, id, "there", &err), E_OK);
    ck_assert_int_eq(download_store_get(db, arena, download_id.text, NULL, &text, &err), E_OK);
    ck_assert_ptr_null(strstr(text, "missing"));
    ck_assert_int_eq(hunter_store_lose(db, id, "here", &err), E_OK);
    ck_assert_int_eq(download_store_get(db, arena, download_id.text, NULL, &text, &err), E_OK);
    ck_assert_ptr_nonnull(strstr(text, "\"Its files are missing or changed on the disk; start it again"));
    exec("UPDATE torrents SET status = 'Completed', node = 'there' WHERE id = '%s'", id);
    ck_assert_int_eq(download_store_get(db, arena, download_id.text, NULL, &text, &err), E_OK);
    ck_assert_ptr_null(strstr(text, "missing"));
}
END_TEST

START_TEST(hunter__shares_what_another_download_has_complete)
{
    const char *result = NULL;
    const char *id = torrent("cccccccccccccccccccccccccccccccccccccccc");
    struct id other = id_new();
    ck_assert_int_eq(hunter_store_bind(db, arena, &guard, id, "here", &err), E_OK);
    exec("UPDATE torrents SET status = 'Completed', node = 'there', name = 'film', size = 9, files = "
         "'[{\"index\": 0, \"path\": \"film\", \"size\": 9}]' WHERE id = '%s'",
         id);
    ck_assert_int_eq(hunter_store_share(db, arena, &guard, &result, &err), E_OK);
    ck_assert_ptr_null(result);
    exec("INSERT INTO downloads (id, user_id, media_id, torrent_id, status) SELECT '%s', user_id, media_id, "
         "torrent_id, 'Completed' FROM downloads WHERE id = '%s'",
         other.text, download_id.text);
    struct hunter_guard lost = guard;
    lost.fence = 2;
    ck_assert_int_eq(hunter_store_share(db, arena, &lost, &result, &err), E_OK);
    ck_assert_ptr_null(result);
    ck_assert_int_eq(hunter_store_share(db, arena, &guard, &result, &err), E_OK);
    ck_assert_ptr_nonnull(strstr(result, "\"path\""));
    ck_assert_int_eq(
        number("SELECT count(*) FROM downloads WHERE id = '%s' AND progress = 1 AND node = 'there'",
               download_id.text),
        1);
    exec("UPDATE downloads SET files = '{0}', progress = 0 WHERE id = '%s'", download_id.text);
    ck_assert_int_eq(hunter_store_share(db, arena, &guard, &result, &err), E_OK);
    ck_assert_ptr_null(result);
}
END_TEST

START_TEST(hunter__reads_what_is_wanted_in_the_order_asked)
{
    struct id none = id_new();
    const char *ids[] = {none.text, download_id.text};
    const char *wanted[2] = {"", ""};
    exec("UPDATE downloads SET wanted = 'pause' WHERE id = '%s'", download_id.text);
    ck_assert_int_eq(hunter_store_wanted(db, arena, ids, 2, wanted, &err), E_OK);
    ck_assert_ptr_null(wanted[0]);
    ck_assert_str_eq(wanted[1], "pause");
}
END_TEST

int main(void)
{
    test_db_create();
    Suite *suite = suite_create("store/hunter");
    TCase *cases = tcase_create("hunter");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, hunter__takes_its_download_and_no_one_elses);
    tcase_add_test(cases, hunter__makes_the_download_of_a_job_that_came_without_one);
    tcase_add_test(cases, hunter__tells_progress_only_under_its_guard);
    tcase_add_test(cases, hunter__tells_of_the_others_when_one_line_is_refused);
    tcase_add_test(cases, hunter__waits_for_nobody_to_tell_progress);
    tcase_add_test(cases, hunter__keeps_its_words_over_a_heartbeat_and_drops_them_at_the_end);
    tcase_add_test(cases, hunter__moves_on_to_the_best_release_that_was_not_tried);
    tcase_add_test(cases, hunter__writes_nothing_of_a_torrent_once_the_job_is_lost);
    tcase_add_test(cases, hunter__seeds_what_is_complete_young_enough_and_wanted);
    tcase_add_test(cases, hunter__loses_what_is_complete_at_this_node_until_it_is_complete_again);
    tcase_add_test(cases, hunter__shares_what_another_download_has_complete);
    tcase_add_test(cases, hunter__reads_what_is_wanted_in_the_order_asked);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    test_db_drop();
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
