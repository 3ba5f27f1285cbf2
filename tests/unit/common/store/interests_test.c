/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs that several users asked for, on a real Postgres. */
#include "common/store/interests.h"

#include "common/store/users.h"
#include "tests/unit/common/store/jobs_kit.h"

#include <pthread.h>

static const char *bob;
static const char *cid;

static void setup_users(void)
{
    setup();
    test_db_exec(db, "TRUNCATE job_windows");
    bob = test_db_user(db, "bob");
    cid = test_db_user(db, "cid");
}

/* One of ada's that others can join. */
static const char *shared(void)
{
    struct job_new job = new_job();
    job.unique_key = "one for all";
    ck_assert_int_eq(job_store_accept(db, arena, &job, 1, &err), E_OK);
    return job.job_id;
}

static enum err_code join(const char *user, const char **id)
{
    const struct job_interest interest = {"noop", "one for all", user};
    return job_interest_join(db, arena, &interest, id, &err);
}

static bool sees(const char *user, const char *id)
{
    const char *json = NULL;
    const struct job_filter filter = {.user_id = user, .limit = 10};
    struct job_page page;
    const enum err_code code = job_store_get(db, arena, id, user, &json, &err);
    ck_assert_int_eq(job_store_list(db, arena, &filter, &page, &err), E_OK);
    ck_assert_int_eq(page.total, code == E_OK);
    ck_assert_int_eq(strstr(page.items, id) != NULL, code == E_OK);
    if (code == E_OK) /* and it says "yours" to each of them */
        ck_assert(strstr(json, user) != NULL && strstr(page.items, user) != NULL);
    return code == E_OK;
}

static const char *cancel(const char *id, const char *user)
{
    const char *status = "";
    ck_assert_int_eq(job_interest_cancel(db, arena, id, user, &status, &err), E_OK);
    return status;
}

START_TEST(interest__lets_whoever_asked_read_it_and_nobody_else)
{
    const char *found = NULL;
    const char *id = shared();
    ck_assert_int_eq(join(bob, &found), E_OK);
    ck_assert_str_eq(found, id);
    ck_assert_int_eq(join(bob, &found), E_OK); /* twice is once */
    ck_assert_int_eq(join(owner, &found), E_OK);
    ck_assert_int_eq(count("SELECT count(*) FROM job_interests"), 1);
    ck_assert(sees(owner, id) && sees(bob, id) && !sees(cid, id));
    const char *json = NULL;
    ck_assert_int_eq(job_store_get(db, arena, id, bob, &json, &err), E_OK);
    ck_assert(strstr(json, owner) == NULL && strstr(json, "req-12345") == NULL); /* nor whose it was first */
    struct job_claim claimed = claim(id);
    ck_assert(settle_as(&claimed, JOB_FINISH, NULL));
    ck_assert(sees(bob, id));
    ck_assert_int_eq(join(cid, &found), E_NOT_FOUND);
}
END_TEST

START_TEST(interest__ends_the_job_with_the_last_who_cancels)
{
    const char *found = NULL;
    const char *id = shared();
    ck_assert_int_eq(join(bob, &found), E_OK);
    ck_assert_int_eq(join(cid, &found), E_OK);
    struct job_claim claimed = claim(id);
    ck_assert_str_eq(cancel(id, owner), "Running");
    ck_assert(!sees(owner, id) && sees(bob, id) && sees(cid, id));
    ck_assert_str_eq(cancel(id, cid), "Running");
    ck_assert(!sees(cid, id) && sees(bob, id));
    ck_assert_int_eq(job_interest_cancel(db, arena, id, cid, &found, &err), E_NOT_FOUND);
    ck_assert_str_eq(cancel(id, bob), "Failed");
    ck_assert_str_eq(column(id, "reason"), "cancelled");
    ck_assert(!settle_as(&claimed, JOB_FINISH, NULL));
    ck_assert(sees(bob, id));
}
END_TEST

START_TEST(interest__cannot_be_cancelled_when_all_is_over)
{
    const char *found = NULL;
    const char *id = shared();
    ck_assert_int_eq(join(bob, &found), E_OK);
    struct job_claim claimed = claim(id);
    ck_assert(settle_as(&claimed, JOB_FINISH, NULL));
    ck_assert_int_eq(job_interest_cancel(db, arena, id, owner, &found, &err), E_CONFLICT);
    ck_assert_int_eq(job_interest_cancel(db, arena, id, bob, &found, &err), E_CONFLICT);
    ck_assert_int_eq(job_interest_cancel(db, arena, id, cid, &found, &err), E_NOT_FOUND);
    ck_assert(sees(owner, id) && sees(bob, id));
}
END_TEST

START_TEST(interest__keeps_the_job_and_its_result_of_who_deletes_their_account)
{
    const char *found = NULL;
    const char *id = shared();
    const char *own = accept();
    ck_assert_int_eq(join(bob, &found), E_OK);
    struct job_claim claimed = claim(id);
    ck_assert(settle_as(&claimed, JOB_FINISH, NULL));
    ck_assert_int_eq(user_store_delete(db, owner, &err), E_OK);
    ck_assert(sees(bob, id));
    ck_assert_ptr_nonnull(strstr(column(id, "result"), "1"));
    ck_assert_int_eq(job_store_get(db, arena, own, NULL, &found, &err), E_NOT_FOUND);
    ck_assert_int_eq(user_store_delete(db, bob, &err), E_OK);
    ck_assert_int_eq(job_store_get(db, arena, id, NULL, &found, &err), E_NOT_FOUND);
    ck_assert_int_eq(count("SELECT count(*) FROM job_results"), 0);
}
END_TEST

/* Somebody joins at the moment in which the only one who asked leaves. */
struct leaving
{
    struct db *db;
    const char *id;
    enum err_code (*leave)(struct leaving *leaving, struct err *err);
    enum err_code code;
};

static enum err_code leave_by_cancel(struct leaving *leaving, struct err *of)
{
    const char *status = NULL;
    struct arena *own = arena_new(1 << 20);
    const enum err_code code = job_interest_cancel(leaving->db, own, leaving->id, owner, &status, of);
    arena_free(own);
    return code;
}

static enum err_code leave_by_deletion(struct leaving *leaving, struct err *of)
{
    enum err_code code = db_begin(leaving->db, of);
    if (code == E_OK)
        code = user_store_delete(leaving->db, owner, of);
    return code == E_OK ? db_commit(leaving->db, of) : code;
}

static void *leave(void *of)
{
    struct leaving *leaving = of;
    struct err failure = ERR_INIT;
    leaving->code = leaving->leave(leaving, &failure);
    return NULL;
}

static enum err_code (*const ways[])(struct leaving *leaving, struct err *err) = {leave_by_cancel,
                                                                                  leave_by_deletion};

START_TEST(interest__is_not_lost_to_who_leaves_at_the_same_moment)
{
    pthread_t thread;
    const char *found = NULL;
    struct db *other = test_db_open();
    struct db *looker = test_db_open();
    struct leaving leaving = {.db = other, .id = shared(), .leave = ways[_i]};
    ck_assert_int_eq(db_begin(db, &err), E_OK);
    ck_assert_int_eq(join(bob, &found), E_OK);
    ck_assert_int_eq(pthread_create(&thread, NULL, leave, &leaving), 0);
    eventually(test_db_int(looker, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                                   " AND wait_event_type = 'Lock'") == 1);
    ck_assert_int_eq(db_commit(db, &err), E_OK);
    pthread_join(thread, NULL);
    ck_assert_int_eq(leaving.code, E_OK);
    ck_assert(sees(bob, leaving.id));
    assert_status(leaving.id, "Pending");
    test_db_close(looker);
    test_db_close(other);
}
END_TEST

int main(void)
{
    test_db_create();
    const struct suite_case cases[] = {
        {interest__lets_whoever_asked_read_it_and_nobody_else, 1},
        {interest__ends_the_job_with_the_last_who_cancels, 1},
        {interest__cannot_be_cancelled_when_all_is_over, 1},
        {interest__keeps_the_job_and_its_result_of_who_deletes_their_account, 1},
        {interest__is_not_lost_to_who_leaves_at_the_same_moment, sizeof ways / sizeof ways[0]},
    };
    int status = suite_run_with("interests", cases, sizeof cases / sizeof cases[0], setup_users, teardown);
    test_db_drop();
    return status;
}
