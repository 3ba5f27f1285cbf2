/* SPDX-License-Identifier: Apache-2.0 */
#include "common/store/users.h"

#include "common/base/id.h"
#include "common/store/sessions.h"
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
    arena = arena_new(1 << 20);
    db = test_db_open();
}

static void teardown(void)
{
    test_db_close(db);
    arena_free(arena);
    db_pool_close(test_db_pool());
}

static const char *add(const char *username, const char *email)
{
    struct id id = id_new();
    const char *json = NULL;
    const struct user_new user = {id.text, username, email, "hash", NULL};
    ck_assert_int_eq(user_store_add(db, arena, &user, &json, &err), E_OK);
    ck_assert_ptr_nonnull(strstr(json, username));
    return arena_strdup(arena, id.text);
}

/* req: S52 S53 */
START_TEST(users__are_read_back_without_their_hash)
{
    const char *id = add("anna", "anna@example.org");
    const char *json = NULL;
    ck_assert_int_eq(user_store_get(db, arena, id, &json, &err), E_OK);
    ck_assert_ptr_nonnull(strstr(json, "\"email\" : \"anna@example.org\""));
    ck_assert_ptr_nonnull(strstr(json, "\"role\" : \"user\""));
    ck_assert_ptr_null(strstr(json, "hash"));
}
END_TEST

/* req: S15 */
START_TEST(users__are_unique_whatever_the_case)
{
    add("Bert", "bert@example.org");
    const char *json = NULL;
    struct id id = id_new();
    const struct user_new same_name = {id.text, "bERT", "other@example.org", "hash", NULL};
    ck_assert_int_eq(user_store_add(db, arena, &same_name, &json, &err), E_CONFLICT);
    const struct user_new same_email = {id.text, "other", "BERT@example.org", "hash", NULL};
    ck_assert_int_eq(user_store_add(db, arena, &same_email, &json, &err), E_CONFLICT);
}
END_TEST

START_TEST(users__are_found_by_name_or_address_but_never_the_system)
{
    struct user_login login;
    const char *id = add("carla", "carla@example.org");
    ck_assert_int_eq(user_store_find(db, arena, "CARLA", &login, &err), E_OK);
    ck_assert_str_eq(login.id, id);
    ck_assert_int_eq(user_store_find(db, arena, "Carla@Example.org", &login, &err), E_OK);
    ck_assert_str_eq(login.id, id);
    ck_assert_str_eq(login.password_hash, "hash");
    ck_assert_int_eq(user_store_find(db, arena, "system", &login, &err), E_NOT_FOUND);
    ck_assert_int_eq(user_store_find(db, arena, "'; DROP TABLE users; --", &login, &err), E_NOT_FOUND);
}
END_TEST

/* req: S54 */
START_TEST(users__change_only_what_is_given)
{
    const char *id = add("dora", "dora@example.org");
    const char *json = NULL;
    const struct user_patch patch = {.email = "new@example.org"};
    ck_assert_int_eq(user_store_update(db, arena, id, &patch, &json, &err), E_OK);
    ck_assert_ptr_nonnull(strstr(json, "new@example.org"));
    ck_assert_ptr_nonnull(strstr(json, "dora"));
    add("emil", "emil@example.org");
    const struct user_patch taken = {.username = "EMIL"};
    ck_assert_int_eq(user_store_update(db, arena, id, &taken, &json, &err), E_CONFLICT);
}
END_TEST

START_TEST(users__get_roles_by_name)
{
    const char *json = NULL;
    add("frida", "frida@example.org");
    ck_assert_int_eq(user_store_role(db, arena, "frida", "admin", &json, &err), E_OK);
    ck_assert_ptr_nonnull(strstr(json, "\"admin\""));
    ck_assert_int_eq(user_store_role(db, arena, "frida", "king", &json, &err), E_INVALID);
    ck_assert_int_eq(user_store_role(db, arena, "system", "user", &json, &err), E_NOT_FOUND);
    ck_assert_int_eq(user_store_role(db, arena, "frida", "system", &json, &err), E_NOT_FOUND);
}
END_TEST

/* req: S55 */
START_TEST(users__take_all_that_is_theirs_with_them)
{
    const char *id = add("gustav", "gustav@example.org");
    const char *media = test_db_media(db, 9001, "Gone");
    char sql[2048];
    const char *job = arena_strdup(arena, id_new().text);
    snprintf(
        sql, sizeof sql,
        "INSERT INTO favorites VALUES ('%s', '%s'); INSERT INTO watch_history VALUES ('%s', '%s', '%s', 1);"
        "INSERT INTO jobs (job_id, kind, worker, user_id) VALUES ('%s', 'noop', 'scout', '%s');"
        "INSERT INTO job_results VALUES ('%s', '{}'); INSERT INTO outgoing (job_ids, subject) VALUES "
        "(ARRAY['%s'::uuid], "
        "'x');"
        "INSERT INTO downloads (id, user_id, media_id, job_id) VALUES ('%s', '%s', '%s', '%s');"
        "INSERT INTO refresh_tokens (id, user_id, family, token_hash, expires_at) "
        "VALUES ('%s', '%s', '%s', 'h1', now())",
        id, media, id_new().text, id, media, job, id, job, job, id_new().text, id, media, job, id_new().text,
        id, job);
    test_db_exec(db, sql);
    ck_assert_int_eq(user_store_delete(db, id, &err), E_OK);
    ck_assert_int_eq(user_store_delete(db, id, &err), E_NOT_FOUND);
    snprintf(
        sql, sizeof sql,
        "SELECT (SELECT count(*) FROM favorites WHERE user_id = '%s') + (SELECT count(*) FROM watch_history "
        "WHERE user_id = '%s') + (SELECT count(*) FROM jobs WHERE user_id = '%s') + (SELECT count(*) FROM "
        "downloads WHERE user_id = '%s') + (SELECT count(*) FROM refresh_tokens WHERE user_id = '%s') + "
        "(SELECT count(*) FROM job_results WHERE job_id = '%s') + (SELECT count(*) FROM outgoing WHERE "
        "'%s' = ANY (job_ids))",
        id, id, id, id, id, job, job);
    ck_assert_int_eq(test_db_int(db, sql), 0);
    ck_assert_int_eq(user_store_delete(db, ID_SYSTEM_USER, &err), E_NOT_FOUND);
}
END_TEST

static enum err_code rotate(const char *old, const char *next, struct session_owner *owner)
{
    struct id id = id_new();
    const struct session_new session = {.id = id.text, .token_hash = next, .valid_s = 60};
    return session_store_rotate(db, arena, old, &session, owner, &err);
}

static const char *open_session(const char *user, const char *hash, int64_t valid_s)
{
    const char *family = arena_strdup(arena, id_new().text);
    struct id id = id_new();
    const struct session_new session = {
        .id = id.text, .user_id = user, .family = family, .token_hash = hash, .valid_s = valid_s};
    ck_assert_int_eq(session_store_open(db, arena, &session, &err), E_OK);
    return family;
}

/* req: S150 */
START_TEST(sessions__take_each_token_once_and_fall_when_one_comes_twice)
{
    struct session_owner owner;
    const char *id = add("hanna", "hanna@example.org");
    const char *family = open_session(id, "first", 60);
    ck_assert_int_eq(rotate("first", "second", &owner), E_OK);
    ck_assert_str_eq(owner.user_id, id);
    ck_assert_str_eq(owner.family, family);
    ck_assert_int_eq(rotate("second", "third", &owner), E_OK);
    ck_assert_int_eq(rotate("first", "fourth", &owner), E_UNAUTHENTICATED);
    ck_assert_int_eq(rotate("third", "fifth", &owner), E_UNAUTHENTICATED); /* the family is gone */
}
END_TEST

START_TEST(sessions__end_by_time_and_by_logout)
{
    struct session_owner owner;
    const char *id = add("ida", "ida@example.org");
    const char *other = add("jan", "jan@example.org");
    open_session(id, "old", -1);
    ck_assert_int_eq(rotate("old", "n1", &owner), E_UNAUTHENTICATED);
    ck_assert_int_eq(rotate("never seen", "n2", &owner), E_UNAUTHENTICATED);
    open_session(id, "mine", 60);
    ck_assert_int_eq(session_store_close(db, other, "mine", &err), E_OK); /* not theirs: nothing happens */
    ck_assert_int_eq(rotate("mine", "mine2", &owner), E_OK);
    ck_assert_int_eq(session_store_close(db, id, "mine2", &err), E_OK);
    ck_assert_int_eq(rotate("mine2", "n3", &owner), E_UNAUTHENTICATED);
    const char *keep = open_session(id, "keep", 60);
    open_session(id, "drop", 60);
    ck_assert_int_eq(session_store_close_all(db, id, keep, &err), E_OK);
    ck_assert_int_eq(rotate("drop", "n4", &owner), E_UNAUTHENTICATED);
    ck_assert_int_eq(rotate("keep", "n5", &owner), E_OK);
}
END_TEST

int main(void)
{
    test_db_create();
    Suite *suite = suite_create("users");
    TCase *tc = tcase_create("users");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 30);
    tcase_add_test(tc, users__are_read_back_without_their_hash);
    tcase_add_test(tc, users__are_unique_whatever_the_case);
    tcase_add_test(tc, users__are_found_by_name_or_address_but_never_the_system);
    tcase_add_test(tc, users__change_only_what_is_given);
    tcase_add_test(tc, users__get_roles_by_name);
    tcase_add_test(tc, users__take_all_that_is_theirs_with_them);
    tcase_add_test(tc, sessions__take_each_token_once_and_fall_when_one_comes_twice);
    tcase_add_test(tc, sessions__end_by_time_and_by_logout);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    test_db_drop();
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
