/* SPDX-License-Identifier: Apache-2.0 */
#include "common/store/downloads.h"

#include "common/base/id.h"
#include "common/json/json.h"
#include "common/store/audit.h"
#include "common/store/jobs.h"
#include "common/store/peek.h"
#include "common/store/torrents.h"
#include "tests/support/test_db.h"

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define V1 "810c7a83166568622e1712c14410243cd836d31c"
#define V2 "4bbc2b7563b4ec457114b60a477c5d5775a0f80de5ed6fe3173067ca1109f604"

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

static const char *claim(const char *hash, const char *name)
{
    const char *id = NULL;
    struct infohash named = {.v1 = ""};
    ck_assert(infohash_parse(hash, strlen(hash), &named));
    const struct torrent_claim said = {.user_id = ID_SYSTEM_USER, .hash = &named, .name = name};
    ck_assert_int_eq(torrent_store_claim(db, arena, &said, &id, &err), E_OK);
    return id;
}

/* The hybrid whose hashes are V1 and V2. */
static const char *prove(const char *name)
{
    static const char metainfo[] = "d8:announce3:key4:infod12:meta versioni2e6:pieces0:ee";
    const char *id = NULL;
    const struct infohash proven = {V1, V2};
    const struct torrent_claim said = {.user_id = ID_SYSTEM_USER, .hash = &proven};
    const struct torrent_known known = {
        .name = name, .metainfo = metainfo, .metainfo_len = sizeof metainfo - 1};
    ck_assert_int_eq(torrent_store_put(db, arena, &known, &said, &id, &err), E_OK);
    return id;
}

/* req: S7 S15 */
START_TEST(torrents__are_one_row_per_hash)
{
    struct torrent_source source;
    const char *by_v1 = claim(V1, "");
    const char *by_v2 = claim(V2, "Claimed");
    ck_assert_str_ne(by_v1, by_v2); /* nobody has proven that they belong together */
    ck_assert_str_eq(claim(V1, "Other name"), by_v1);
    ck_assert_str_eq(prove("Proven"), by_v1);
    ck_assert_str_eq(claim(V2, NULL), by_v1);
    ck_assert_int_eq(torrent_store_source(db, arena, by_v2, NULL, &source, &err), E_OK);
    ck_assert_str_eq(source.id, by_v1);
    ck_assert_str_eq(source.info_hash_v1, V1);
    ck_assert_str_eq(source.info_hash_v2, V2);
    ck_assert_uint_eq(source.metainfo_len, sizeof "d4:infod12:meta versioni2e6:pieces0:ee" - 1);
    ck_assert_mem_eq(source.metainfo, "d4:infod12:meta versioni2e6:pieces0:ee", source.metainfo_len);
    ck_assert_int_eq(torrent_store_source(db, arena, ID_SYSTEM_USER, NULL, &source, &err), E_NOT_FOUND);
}
END_TEST

START_TEST(torrents__give_no_metainfo_of_another_hash)
{
    struct torrent_source source;
    const char *id = claim("d"
                           "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                           NULL);
    struct db_rows *rows = NULL;
    static const struct db_stmt spoil = {
        "test_spoil", "UPDATE torrents SET metainfo = 'd4:infod6:pieces0:ee' WHERE id = $1", 1};
    ck_assert_int_eq(db_run(db, &spoil, &id, &rows, &err), E_OK);
    db_rows_free(rows);
    ck_assert_int_eq(torrent_store_source(db, arena, id, NULL, &source, &err), E_OK);
    ck_assert_ptr_null(source.metainfo);
}
END_TEST

/* In a transaction of its own, as the API does it. */
static enum err_code start(struct db *on, struct arena *in, const char *user, const char *media,
                           const char *torrent, const char **download_id)
{
    struct err e = ERR_INIT;
    struct id id = id_new();
    struct id job_id = id_new();
    const struct job_new job = {.job_id = job_id.text,
                                .kind = "download",
                                .user_id = user,
                                .request_id = "",
                                .payload = "{}",
                                .priority = JOB_NORMAL};
    const struct download_new download = {.id = id.text,
                                          .user_id = user,
                                          .media_id = media,
                                          .job_id = job_id.text,
                                          .torrent_id = torrent,
                                          .max_active = 5};
    enum err_code code = db_begin(on, &e);
    if (code == E_OK)
        code = job_store_accept(on, in, &job, 1, &e);
    if (code == E_OK)
        code = download_store_add(on, in, &download, &e);
    if (code == E_OK)
        code = db_commit(on, &e);
    else
        db_rollback(on);
    *download_id = arena_strdup(in, id.text);
    return code;
}

struct starter
{
    const char *user;
    const char *media;
    int started;
    int refused;
};

static void *start_many(void *of)
{
    struct starter *starter = of;
    struct err e = ERR_INIT;
    struct db *mine = NULL;
    const char *id = NULL;
    struct arena *in = arena_new(1 << 20);
    enum err_code code = db_get(test_db_pool(), &mine, &e);
    for (int i = 0; i < 4 && code == E_OK; i++)
    {
        enum err_code outcome = start(mine, in, starter->user, starter->media, NULL, &id);
        starter->started += outcome == E_OK;
        starter->refused += outcome == E_TOO_MANY;
    }
    db_put(mine);
    arena_free(in);
    return NULL;
}

/* req: S174 */
START_TEST(downloads__never_run_more_than_the_limit_at_once)
{
    pthread_t threads[6];
    struct starter starters[6];
    int started = 0;
    int refused = 0;
    const char *user = test_db_user(db, "greedy");
    const char *media = test_db_media(db, 100, "Wanted");
    for (int i = 0; i < 6; i++)
    {
        starters[i] = (struct starter){user, media, 0, 0};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, start_many, &starters[i]), 0);
    }
    for (int i = 0; i < 6; i++)
    {
        pthread_join(threads[i], NULL);
        started += starters[i].started;
        refused += starters[i].refused;
    }
    ck_assert_int_eq(started, 5);
    ck_assert_int_eq(refused, 19);
}
END_TEST

/* req: S155 S158 */
START_TEST(downloads__are_seen_by_their_owner_and_by_everyone_with_no_viewer)
{
    const char *id = NULL;
    const char *text = NULL;
    struct store_page page;
    struct download_files known;
    const char *owner = test_db_user(db, "owner");
    const char *other = test_db_user(db, "other");
    const char *media = test_db_media(db, 101, "Private");
    ck_assert_int_eq(start(db, arena, owner, media, NULL, &id), E_OK);
    ck_assert_int_eq(download_store_get(db, arena, id, owner, &text, &err), E_OK);
    ck_assert_int_eq(download_store_get(db, arena, id, NULL, &text, &err), E_OK);
    ck_assert_int_eq(download_store_get(db, arena, id, other, &text, &err), E_NOT_FOUND);
    const struct store_ask ask = {.limit = 10};
    ck_assert_int_eq(download_store_files(db, arena, id, other, &ask, &known, &err), E_NOT_FOUND);
    ck_assert_int_eq(download_store_files(db, arena, id, owner, &ask, &known, &err), E_OK);
    ck_assert_str_eq(known.page.items, "[]");
    ck_assert_int_eq(known.page.total, 0);
    ck_assert_str_eq(known.torrent_id, "");
    ck_assert_int_eq(download_store_list(db, arena, other, NULL, &ask, &page, &err), E_OK);
    ck_assert_int_eq(page.total, 0);
    ck_assert_int_eq(download_store_list(db, arena, owner, "Pending", &ask, &page, &err), E_OK);
    ck_assert_int_eq(page.total, 1);
    struct download_links links;
    const struct download_wish theirs = {id, other, "delete"};
    const struct download_wish mine = {id, owner, "delete"};
    ck_assert_int_eq(download_store_want(db, arena, &theirs, &links, &err), E_NOT_FOUND);
    ck_assert_int_eq(download_store_want(db, arena, &mine, &links, &err), E_OK);
    ck_assert_str_eq(links.user_id, owner);
    ck_assert_str_eq(links.status, "Pending");
    ck_assert_int_eq(download_store_get(db, arena, id, NULL, &text, &err), E_NOT_FOUND); /* gone for all */
}
END_TEST

START_TEST(downloads__tell_who_else_wants_a_torrent)
{
    bool wanted = true;
    const char *id = NULL;
    const char *shared_id = NULL;
    const char **only = NULL;
    size_t count = 9;
    struct download_links links;
    const char *anna = test_db_user(db, "anna2");
    const char *bert = test_db_user(db, "bert2");
    const char *media = test_db_media(db, 102, "Shared");
    const char *shared = claim("e"
                               "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                               NULL);
    const char *own = claim("f"
                            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                            NULL);
    ck_assert_int_eq(start(db, arena, anna, media, shared, &id), E_OK);
    ck_assert_int_eq(start(db, arena, anna, media, own, &id), E_OK);
    ck_assert_int_eq(start(db, arena, bert, media, shared, &shared_id), E_OK);
    ck_assert_int_eq(download_store_only(db, arena, anna, &only, &count, &err), E_OK);
    ck_assert_uint_eq(count, 1);
    ck_assert_str_eq(only[0], own);
    ck_assert_int_eq(download_store_wants(db, own, &wanted, &err), E_OK);
    ck_assert(wanted);
    const struct download_wish end = {id, anna, "delete"};
    ck_assert_int_eq(download_store_want(db, arena, &end, &links, &err), E_OK);
    ck_assert_int_eq(download_store_wants(db, own, &wanted, &err), E_OK);
    ck_assert(!wanted);
}
END_TEST

START_TEST(downloads__outlive_the_row_of_their_job)
{
    const char *id = NULL;
    const char *text = NULL;
    const char *user = test_db_user(db, "patient");
    ck_assert_int_eq(start(db, arena, user, test_db_media(db, 103, "Old"), NULL, &id), E_OK);
    test_db_exec(db, "DELETE FROM jobs WHERE kind = 'download'");
    ck_assert_int_eq(download_store_get(db, arena, id, user, &text, &err), E_OK);
    ck_assert_ptr_nonnull(strstr(text, "\"status\" : \"Failed\"")); /* it never said that it was done */
    test_db_exec(db, "UPDATE downloads SET status = 'Completed'");
    ck_assert_int_eq(download_store_get(db, arena, id, user, &text, &err), E_OK);
    ck_assert_ptr_nonnull(strstr(text, "\"status\" : \"Completed\""));
}
END_TEST

/* req: S11 */
START_TEST(audit__is_written_once_and_filtered)
{
    struct store_page page;
    const struct store_ask ask = {.limit = 10};
    const char *user = test_db_user(db, "audited");
    for (int i = 0; i < 3; i++)
    {
        const struct audit_entry entry = {.user_id = user,
                                          .ip = "::1",
                                          .action = i < 2 ? "login" : "logout",
                                          .request_id = "r",
                                          .detail = "{\"n\":1}"};
        ck_assert_int_eq(audit_store_add(db, &entry, &err), E_OK);
    }
    const struct audit_filter logins = {.user_id = user, .action = "login"};
    ck_assert_int_eq(audit_store_list(db, arena, &logins, &ask, &page, &err), E_OK);
    ck_assert_int_eq(page.total, 2);
    const struct audit_filter later = {.user_id = user, .since = "2999-01-01T00:00:00Z"};
    ck_assert_int_eq(audit_store_list(db, arena, &later, &ask, &page, &err), E_OK);
    ck_assert_int_eq(page.total, 0);
    static const struct db_stmt change = {"test_audit_change", "UPDATE logs SET action = 'x'", 0};
    ck_assert_int_ne(db_run(db, &change, NULL, NULL, &err), E_OK);
}
END_TEST

START_TEST(peek__sees_live_jobs_by_key_and_results)
{
    struct job_peek peek;
    struct id id = id_new();
    char sql[256];
    const struct job_new job = {.job_id = id.text,
                                .kind = "search",
                                .user_id = ID_SYSTEM_USER,
                                .request_id = "",
                                .payload = "{}",
                                .priority = JOB_NORMAL};
    ck_assert_int_eq(job_store_accept(db, arena, &job, 1, &err), E_OK);
    ck_assert_int_eq(job_peek_result(db, arena, id.text, &peek, &err), E_OK);
    ck_assert_str_eq(peek.status, "Pending");
    ck_assert_ptr_null(peek.result);
    snprintf(sql, sizeof sql,
             "UPDATE jobs SET status = 'Completed' WHERE job_id = '%s'; INSERT INTO job_results VALUES "
             "('%s', '[]')",
             id.text, id.text);
    test_db_exec(db, sql);
    ck_assert_int_eq(job_peek_result(db, arena, id.text, &peek, &err), E_OK);
    ck_assert_str_eq(peek.result, "[]");
}
END_TEST

START_TEST(jobs__are_looked_at_together)
{
    struct id ids[3] = {id_new(), id_new(), id_new()};
    const char *jsons[4];
    const char *user = test_db_user(db, "looker");
    for (int i = 0; i < 2; i++)
    {
        const struct job_new job = {.job_id = ids[i].text,
                                    .kind = "noop",
                                    .request_id = "",
                                    .payload = "{}",
                                    .user_id = i == 0 ? user : ID_SYSTEM_USER,
                                    .priority = JOB_NORMAL};
        ck_assert_int_eq(job_store_accept(db, arena, &job, 1, &err), E_OK);
    }
    const struct job_look looks[] = {
        {ids[0].text, user}, {ids[1].text, user}, {ids[1].text, NULL}, {ids[2].text, NULL}};
    ck_assert_int_eq(job_store_get_many(db, arena, looks, 4, jsons, &err), E_OK);
    ck_assert_ptr_nonnull(strstr(jsons[0], ids[0].text));
    ck_assert_ptr_null(jsons[1]); /* not theirs */
    ck_assert_ptr_nonnull(strstr(jsons[2], ids[1].text));
    ck_assert_ptr_null(jsons[3]);
}
END_TEST

int main(void)
{
    test_db_create();
    Suite *suite = suite_create("downloads");
    TCase *tc = tcase_create("downloads");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, torrents__are_one_row_per_hash);
    tcase_add_test(tc, torrents__give_no_metainfo_of_another_hash);
    tcase_add_test(tc, downloads__never_run_more_than_the_limit_at_once);
    tcase_add_test(tc, downloads__are_seen_by_their_owner_and_by_everyone_with_no_viewer);
    tcase_add_test(tc, downloads__tell_who_else_wants_a_torrent);
    tcase_add_test(tc, downloads__outlive_the_row_of_their_job);
    tcase_add_test(tc, audit__is_written_once_and_filtered);
    tcase_add_test(tc, peek__sees_live_jobs_by_key_and_results);
    tcase_add_test(tc, jobs__are_looked_at_together);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    test_db_drop();
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
