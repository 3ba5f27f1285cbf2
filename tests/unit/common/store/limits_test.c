/* SPDX-License-Identifier: Apache-2.0 */
/* Limits per kind and per user, and unique keys with a window, on a real Postgres. */
#include "common/store/limits.h"

#include "common/base/id.h"
#include "common/store/jobs.h"
#include "tests/support/suite.h"
#include "tests/support/test_db.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
    LEASE_MS = 40000,
    JOBS = 40
};

static struct db *db;
static struct arena *arena;
static struct err err;
static const char *owner;
static const char *other;

static void setup(void)
{
    arena = arena_new(1 << 24);
    db = test_db_open();
    test_db_exec(
        db,
        "TRUNCATE jobs, claims, job_results, job_history, outgoing, dead_letters, job_limits, job_windows,"
        " relay_batches, users CASCADE");
    test_db_exec(db, "INSERT INTO users (id, username, email, password_hash, role)"
                     " VALUES ('" ID_SYSTEM_USER "', 'system', 'system@localhost', '!', 'system')");
    owner = test_db_user(db, "ada");
    other = test_db_user(db, "bob");
}

static void teardown(void)
{
    test_db_close(db);
    arena_free(arena);
    db_pool_close(test_db_pool());
}

/* ---- a small language for the cases --------------------------------------------------------- */

static void limit(int64_t max_running, int64_t max_per_user)
{
    const struct job_limit row = {"noop", max_running, max_per_user};
    ck_assert_int_eq(job_limit_put(db, arena, &row, &err), E_OK);
}

static const char *accept_for(const char *user)
{
    struct id id = id_new();
    const struct job_new job = {
        .job_id = arena_strdup(arena, id.text), .kind = "noop", .user_id = user, .payload = "{}"};
    ck_assert_int_eq(job_store_accept(db, arena, &job, 1, &err), E_OK);
    return job.job_id;
}

static void accept_many(const char **ids, size_t n, const char *user)
{
    for (size_t i = 0; i < n; i++)
        ids[i] = accept_for(user);
}

/* As a worker does it: first the kinds without a limit, then the others. */
static size_t claim(const char *const *ids, size_t n, struct job_claim **claims)
{
    struct id worker = id_new();
    const struct job_claimer claimer = {.worker_id = worker.text, .worker = "scout", .lease_ms = LEASE_MS};
    size_t count = 0;
    ck_assert_int_eq(job_store_claim(db, arena, &claimer, ids, n, claims, &count, &err), E_OK);
    if (count == n)
        return count;
    ck_assert_uint_eq(count, 0);
    ck_assert_int_eq(job_store_claim_limited(db, arena, &claimer, ids, n, claims, &count, &err), E_OK);
    return count;
}

static size_t claim_one(const char *id)
{
    struct job_claim *claims = NULL;
    return claim(&id, 1, &claims);
}

static void finish(const struct job_claim *claimed)
{
    const struct job_end end = {.job_id = claimed->job_id, .fence = claimed->fence, .move = JOB_FINISH};
    bool mine = false;
    ck_assert_int_eq(job_store_settle(db, arena, &end, 1, &mine, &err), E_OK);
    ck_assert(mine);
}

static int64_t call(void)
{
    const char *kinds[] = {"noop"};
    int64_t called = -1;
    ck_assert_int_eq(job_limit_admit(db, arena, kinds, 1, &called, &err), E_OK);
    return called;
}

static int64_t count(const char *where)
{
    return test_db_int(db, arena_printf(arena, "SELECT count(*) FROM jobs WHERE %s", where));
}

static bool is_called(const char *id)
{
    return count(arena_printf(arena, "job_id = '%s' AND place = 'called'", id)) == 1;
}

/* ---- limits --------------------------------------------------------------------------------- */

START_TEST(claim__leaves_kinds_without_a_limit_alone)
{
    const char *id = accept_for(owner);
    struct job_claim *claims = NULL;
    ck_assert_uint_eq(claim(&id, 1, &claims), 1);
    ck_assert(!claims[0].limited);
    ck_assert_int_eq(count("place IS NOT NULL"), 0);
}
END_TEST

START_TEST(claim__lets_in_the_oldest_up_to_the_limit_and_the_others_wait)
{
    const char *ids[5];
    struct job_claim *claims = NULL;
    limit(2, JOB_LIMIT_NONE);
    accept_many(ids, 5, owner);
    ck_assert_uint_eq(claim(ids, 5, &claims), 2);
    ck_assert(claims[0].limited);
    ck_assert_int_eq(count("status = 'Running' AND place = 'held'"), 2);
    ck_assert_int_eq(count("status = 'Pending' AND place = 'waits' AND attempts = 0 AND fence = 0"), 3);
    ck_assert_uint_eq(claim(ids, 5, &claims), 0); /* a message that comes twice */
    ck_assert_int_eq(count("status = 'Running'"), 2);
}
END_TEST

START_TEST(call__gives_each_free_place_to_one_that_waits_and_keeps_it)
{
    const char *ids[4];
    struct job_claim *claims = NULL;
    limit(1, JOB_LIMIT_NONE);
    accept_many(ids, 4, owner);
    ck_assert_uint_eq(claim(ids, 4, &claims), 1);
    ck_assert_str_eq(claims[0].job_id, ids[0]);
    ck_assert_int_eq(call(), 0);
    finish(&claims[0]);
    int64_t wakes = test_db_int(db, "SELECT count(*) FROM outgoing");
    ck_assert_int_eq(call(), 1);
    ck_assert_int_eq(call(), 0); /* no flood: the place is taken */
    ck_assert_int_eq(test_db_int(db, "SELECT count(*) FROM outgoing"), wakes + 1);
    ck_assert(is_called(ids[1]));
    ck_assert_uint_eq(claim_one(accept_for(owner)), 0); /* a newcomer does not take it */
    ck_assert_uint_eq(claim_one(ids[1]), 1);
    ck_assert_int_eq(count("status = 'Running' AND place = 'held' AND attempts = 1"), 1);
}
END_TEST

START_TEST(claim__serves_those_who_wait_before_newcomers)
{
    const char *ids[2];
    struct job_claim *claims = NULL;
    limit(1, JOB_LIMIT_NONE);
    accept_many(ids, 2, owner);
    ck_assert_uint_eq(claim(ids, 2, &claims), 1);
    finish(&claims[0]);
    ck_assert_uint_eq(claim_one(accept_for(owner)), 0); /* although a place is free */
    ck_assert(is_called(ids[1]));
}
END_TEST

START_TEST(limit__of_a_user_lets_others_pass)
{
    const char *ids[6];
    struct job_claim *claims = NULL;
    limit(3, 1);
    accept_many(ids, 4, owner);
    ck_assert_uint_eq(claim(ids, 4, &claims), 1);
    accept_many(ids + 4, 2, other);
    struct job_claim *theirs = NULL;
    ck_assert_uint_eq(claim(ids + 4, 2, &theirs), 1);
    ck_assert_str_eq(theirs[0].job_id, ids[4]);
    finish(&claims[0]);
    ck_assert_int_eq(call(), 1);
    ck_assert(is_called(ids[1]));
}
END_TEST

START_TEST(limit__counts_jobs_that_ran_before_it)
{
    const char *id = accept_for(owner);
    ck_assert_uint_eq(claim_one(id), 1);
    limit(1, JOB_LIMIT_NONE);
    ck_assert_uint_eq(claim_one(accept_for(owner)), 0);
    ck_assert_int_eq(count("status = 'Running'"), 1);
}
END_TEST

START_TEST(limit__that_shrinks_takes_back_its_promises)
{
    const char *ids[4];
    struct job_claim *claims = NULL;
    limit(2, JOB_LIMIT_NONE);
    accept_many(ids, 4, owner);
    ck_assert_uint_eq(claim(ids, 4, &claims), 2);
    finish(&claims[0]);
    ck_assert_int_eq(call(), 1);
    limit(1, JOB_LIMIT_NONE);
    ck_assert_uint_eq(claim_one(ids[2]), 0);
    ck_assert_int_eq(count("status = 'Running'"), 1);
    ck_assert_int_eq(count("place = 'waits'"), 2);
}
END_TEST

START_TEST(sweep__calls_after_a_cancel_and_frees_all_when_the_limit_is_gone)
{
    const char *ids[6];
    struct job_claim *claims = NULL;
    int64_t called = 0;
    limit(1, JOB_LIMIT_NONE);
    accept_many(ids, 6, owner);
    ck_assert_uint_eq(claim(ids, 6, &claims), 1);
    ck_assert_int_eq(job_store_cancel(db, arena, ids[0], NULL, &err), E_OK);
    ck_assert_int_eq(job_store_cancel(db, arena, ids[1], NULL, &err), E_OK);
    ck_assert_int_eq(job_limit_admit_all(db, arena, &called, &err), E_OK);
    ck_assert_int_eq(called, 1);
    ck_assert(is_called(ids[2]));
    ck_assert_int_eq(job_limit_remove(db, "noop", &err), E_OK);
    ck_assert_int_eq(job_limit_admit_all(db, arena, &called, &err), E_OK);
    ck_assert_int_eq(called, 3);
    ck_assert_uint_eq(claim(ids + 2, 4, &claims), 4);
    ck_assert_int_eq(job_limit_remove(db, "noop", &err), E_NOT_FOUND);
}
END_TEST

START_TEST(sweep__does_not_take_those_who_wait_for_lost)
{
    const char *ids[2];
    struct job_claim *claims = NULL;
    const struct job_consumer scout = {
        .worker = "scout", .priority = JOB_NORMAL, .delivered_seq = 9, .acked_seq = 9};
    const struct job_stream stream = {.stream = "s#0", .consumers = &scout, .count = 1};
    struct job_scan step = {.woken = 0};
    limit(1, JOB_LIMIT_NONE);
    accept_many(ids, 2, owner);
    ck_assert_uint_eq(claim(ids, 2, &claims), 1);
    test_db_exec(db, "DELETE FROM outgoing");
    test_db_exec(db, "UPDATE jobs SET run_at = now() - interval '1 hour'");
    ck_assert_int_eq(job_store_scan(db, arena, &stream, &step, &err), E_OK);
    ck_assert_int_eq(step.woken, 0);
    finish(&claims[0]);
    ck_assert_int_eq(call(), 1);
    test_db_exec(db, "DELETE FROM outgoing"); /* the call goes astray */
    test_db_exec(db, "UPDATE jobs SET run_at = now() - interval '1 hour'");
    ck_assert_int_eq(job_store_scan(db, arena, &stream, &step, &err), E_OK);
    ck_assert_int_eq(step.woken, 1);
    ck_assert_uint_eq(claim_one(ids[1]), 1);
}
END_TEST

/* ---- fairness --------------------------------------------------------------------------------- */

START_TEST(call__gives_the_next_place_to_the_user_who_has_the_fewest)
{
    const char *ids[6];
    struct job_claim *claims = NULL;
    limit(3, JOB_LIMIT_NONE);
    accept_many(ids, 5, owner);
    ck_assert_uint_eq(claim(ids, 5, &claims), 3);
    ids[5] = accept_for(other);
    ck_assert_uint_eq(claim_one(ids[5]), 0);
    finish(&claims[0]);
    ck_assert_int_eq(call(), 1);
    ck_assert(is_called(ids[5])); /* although two of the first user's are older */
}
END_TEST

START_TEST(claim__shares_places_among_newcomers_by_user)
{
    const char *ids[6];
    struct job_claim *claims = NULL;
    limit(2, JOB_LIMIT_NONE);
    accept_many(ids, 5, owner);
    ids[5] = accept_for(other);
    ck_assert_uint_eq(claim(ids, 6, &claims), 2);
    ck_assert_int_eq(count(arena_printf(arena, "job_id = '%s' AND place = 'held'", ids[5])), 1);
}
END_TEST

static void hand_back(const struct job_claim *claimed, const char *reason, int64_t delay_ms)
{
    const struct job_end end = {.job_id = claimed->job_id,
                                .fence = claimed->fence,
                                .move = JOB_HAND_BACK,
                                .delay_ms = delay_ms,
                                .reason = reason,
                                .detail = "For a while"};
    bool mine = false;
    ck_assert_int_eq(job_store_settle(db, arena, &end, 1, &mine, &err), E_OK);
    ck_assert(mine);
}

START_TEST(call__lets_nobody_who_comes_back_overtake_who_waits_since)
{
    const char *ids[3];
    struct job_claim *claims = NULL;
    limit(1, JOB_LIMIT_NONE);
    accept_many(ids, 3, owner);
    ck_assert_uint_eq(claim(ids, 3, &claims), 1);
    hand_back(&claims[0], "waiting", 0);
    ck_assert_uint_eq(claim_one(ids[0]), 0); /* it waits behind the two that were called for or wait */
    ck_assert(is_called(ids[1]));
    ck_assert_uint_eq(claim(ids + 1, 1, &claims), 1);
    finish(&claims[0]);
    ck_assert_int_eq(call(), 1);
    ck_assert(is_called(ids[2]));
}
END_TEST

START_TEST(hand_back__of_a_job_that_waits_leaves_no_history_and_burns_no_attempt)
{
    const char *id = accept_for(owner);
    struct job_claim *claims = NULL;
    limit(1, JOB_LIMIT_NONE);
    ck_assert_uint_eq(claim(&id, 1, &claims), 1);
    test_db_exec(db, "DELETE FROM outgoing");
    hand_back(&claims[0], "waiting", 60000);
    ck_assert_int_eq(count("status = 'Pending' AND attempts = 0 AND place IS NULL"), 1);
    ck_assert_int_eq(test_db_int(db, "SELECT count(*) FROM job_history"), 0);
    ck_assert_int_eq(test_db_int(db, "SELECT count(*) FROM outgoing WHERE run_at > now() + interval '50 s'"),
                     1);
}
END_TEST

START_TEST(limit__of_a_worker_grows_with_its_processes_and_stands_beside_an_operators)
{
    const char *ids[6];
    struct job_claim *claims = NULL;
    const struct job_limit_own own = {"noop", "scout", 2};
    const char *json = NULL;
    test_db_exec(db, "DELETE FROM workers");
    for (int i = 0; i < 2; i++)
    {
        ck_assert_int_eq(job_limit_own(db, arena, &own, &err), E_OK);
        const struct id worker = id_new();
        ck_assert_int_eq(worker_store_register(db, worker.text, "scout", "here", &err), E_OK);
    }
    accept_many(ids, 6, owner);
    ck_assert_uint_eq(claim(ids, 6, &claims), 4);
    ck_assert_int_eq(job_limit_list(db, arena, &json, &err), E_OK);
    ck_assert_str_eq(json, "[]"); /* nobody asked for it */
    limit(5, JOB_LIMIT_NONE);
    ck_assert_int_eq(call(), 0);
    limit(1, JOB_LIMIT_NONE);
    for (int i = 0; i < 3; i++)
        finish(&claims[i]);
    ck_assert_int_eq(call(), 0);
    ck_assert_int_eq(job_limit_remove(db, "noop", &err), E_OK);
    ck_assert_int_eq(call(), 2); /* of the four places */
    ck_assert_int_eq(job_limit_remove(db, "noop", &err), E_NOT_FOUND);
    test_db_exec(db, "DELETE FROM workers");
}
END_TEST

START_TEST(short__counts_who_would_be_let_in_if_there_were_room)
{
    const char *ids[8];
    struct job_claim *claims = NULL;
    int64_t missing = -1;
    limit(2, 2);
    accept_many(ids, 4, owner);
    ck_assert_uint_eq(claim(ids, 4, &claims), 2);
    ck_assert_int_eq(job_limit_short(db, "noop", &missing, &err), E_OK);
    ck_assert_int_eq(missing, 0); /* the two that wait are over their user's own limit */
    accept_many(ids + 4, 4, other);
    ck_assert_uint_eq(claim(ids + 4, 4, &claims), 0);
    ck_assert_int_eq(job_limit_short(db, "noop", &missing, &err), E_OK);
    ck_assert_int_eq(missing, 2);
    limit(0, JOB_LIMIT_NONE);
    ck_assert_int_eq(job_limit_short(db, "noop", &missing, &err), E_OK);
    ck_assert_int_eq(missing, 0);
}
END_TEST

/* ---- pauses ------------------------------------------------------------------------------------ */

START_TEST(sweep__wakes_a_paused_job_when_its_download_is_wanted_again_and_not_before)
{
    const char *id = accept_for(owner);
    struct job_claim *claims = NULL;
    const struct id media = id_new();
    const struct id download = id_new();
    int64_t woken = -1;
    limit(1, JOB_LIMIT_NONE);
    test_db_exec(db, arena_printf(arena,
                                  "INSERT INTO media (id, tmdb_id, media_type, title) VALUES ('%s', "
                                  "(SELECT count(*) + 1 FROM media), 'movie', 'Film')",
                                  media.text));
    test_db_exec(db, arena_printf(arena,
                                  "INSERT INTO downloads (id, user_id, media_id, job_id, wanted) "
                                  "VALUES ('%s', '%s', '%s', '%s', 'pause')",
                                  download.text, owner, media.text, id));
    ck_assert_uint_eq(claim(&id, 1, &claims), 1);
    test_db_exec(db, "DELETE FROM outgoing");
    hand_back(&claims[0], "paused", 0);
    ck_assert_int_eq(count("status = 'Pending' AND place = 'paused' AND attempts = 0"), 1);
    ck_assert_int_eq(job_limit_admit_all(db, arena, &woken, &err), E_OK);
    ck_assert_int_eq(woken, 0);
    ck_assert_int_eq(test_db_int(db, "SELECT count(*) FROM outgoing"), 0);
    ck_assert_int_eq(test_db_int(db, "SELECT count(*) FROM job_history"), 0);
    test_db_exec(db, "UPDATE downloads SET wanted = 'run'");
    ck_assert_int_eq(job_limit_admit_all(db, arena, &woken, &err), E_OK);
    ck_assert_int_eq(woken, 1);
    ck_assert_int_eq(test_db_int(db, "SELECT count(*) FROM outgoing"), 1);
    ck_assert_uint_eq(claim_one(id), 1);
}
END_TEST

static const struct db_stmt running_stmt = {"test_running",
                                            "SELECT count(*) FROM jobs WHERE status = 'Running'", 0};

static int64_t running_now(struct db *of)
{
    struct db_rows *rows = NULL;
    struct err why = ERR_INIT;
    if (db_run(of, &running_stmt, NULL, &rows, &why) != E_OK)
        return 5000;
    int64_t running = db_int(rows, 0, 0, 5000);
    db_rows_free(rows);
    return running;
}

/* Many connections claim and finish at once; each looks how many run while it holds one. */
static void *compete(void *of)
{
    const char *const *ids = of;
    const struct db_pool_config config = {.url = test_db_url(), .name = "compete", .size = 1};
    struct db_pool *pool = NULL;
    struct db *mine_db = NULL;
    struct arena *scratch = arena_new(1 << 22);
    struct id worker = id_new();
    const struct job_claimer claimer = {.worker_id = worker.text, .worker = "scout", .lease_ms = LEASE_MS};
    struct err ignored = ERR_INIT;
    intptr_t most = 0;
    if (db_pool_open(&config, &pool, &ignored) != E_OK || db_get(pool, &mine_db, &ignored) != E_OK)
        return (void *)(intptr_t)4000;
    for (int round = 0; round < 60; round++)
    {
        struct err why = ERR_INIT;
        struct job_claim *claims = NULL;
        const char *kinds[] = {"noop"};
        size_t n = 0;
        int64_t called = 0;
        bool mine = false;
        arena_reset(scratch);
        if (job_store_claim_limited(mine_db, scratch, &claimer, ids, JOBS, &claims, &n, &why) != E_OK)
            most = 1000;
        int64_t running = running_now(mine_db);
        most = running > most ? (intptr_t)running : most;
        for (size_t i = 0; i < n; i++)
        {
            const struct job_end end = {
                .job_id = claims[i].job_id, .fence = claims[i].fence, .move = JOB_FINISH};
            if (job_store_settle(mine_db, scratch, &end, 1, &mine, &why) != E_OK || !mine)
                most = 2000;
        }
        if (n > 0 && job_limit_admit(mine_db, scratch, kinds, 1, &called, &why) != E_OK)
            most = 3000;
    }
    arena_free(scratch);
    db_put(mine_db);
    db_pool_close(pool);
    return (void *)most;
}

START_TEST(claim__never_goes_over_the_limit_with_many_at_once)
{
    const char *ids[JOBS];
    pthread_t threads[4];
    limit(3, 2);
    accept_many(ids, JOBS / 2, owner);
    accept_many(ids + JOBS / 2, JOBS / 2, other);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, compete, (void *)ids), 0);
    for (int i = 0; i < 4; i++)
    {
        void *most = NULL;
        pthread_join(threads[i], &most);
        ck_assert_int_le((intptr_t)most, 3);
    }
    ck_assert_int_eq(count("status = 'Completed'"), JOBS);
    ck_assert_int_eq(count("place IS NOT NULL"), 0);
}
END_TEST

/* ---- unique keys with a window -------------------------------------------------------------- */

static enum err_code accept_keyed(const char *key, int64_t unique_s)
{
    struct id id = id_new();
    const struct job_new job = {.job_id = arena_strdup(arena, id.text),
                                .kind = "noop",
                                .user_id = owner,
                                .unique_key = key,
                                .unique_s = unique_s};
    return job_store_accept(db, arena, &job, 1, &err);
}

static void end_all(void)
{
    test_db_exec(db, "UPDATE jobs SET status = 'Completed', finished_at = now()");
}

START_TEST(unique__key_lives_as_long_as_its_job_without_a_window)
{
    ck_assert_int_eq(accept_keyed("a", 0), E_OK);
    ck_assert_int_eq(accept_keyed("a", 0), E_CONFLICT);
    end_all();
    ck_assert_int_eq(accept_keyed("a", 0), E_OK);
}
END_TEST

START_TEST(unique__key_with_a_window_outlives_its_job)
{
    ck_assert_int_eq(accept_keyed("a", 600), E_OK);
    end_all();
    ck_assert_int_eq(accept_keyed("a", 0), E_CONFLICT);
    ck_assert_int_eq(accept_keyed("a", 600), E_CONFLICT);
    ck_assert_int_eq(accept_keyed("b", 0), E_OK);
    ck_assert_int_eq(count("true"), 2); /* what was refused left nothing */
    test_db_exec(db,
                 "UPDATE job_windows SET until = now() - interval '1 s' WHERE until <= clock_timestamp()");
    test_db_exec(db, "DELETE FROM job_windows WHERE unique_key = 'a'"); /* as if its time were over */
    ck_assert_int_eq(accept_keyed("a", 0), E_OK);
}
END_TEST

START_TEST(unique__key_twice_in_one_batch_is_refused)
{
    struct id ids[2] = {id_new(), id_new()};
    struct job_new jobs[2];
    for (int i = 0; i < 2; i++)
        jobs[i] = (struct job_new){
            .job_id = ids[i].text, .kind = "noop", .user_id = owner, .unique_key = "a", .unique_s = 60};
    ck_assert_int_eq(job_store_accept(db, arena, jobs, 2, &err), E_CONFLICT);
    ck_assert_int_eq(count("true"), 0);
}
END_TEST

int main(void)
{
    test_db_create();
    const struct suite_case cases[] = {
        {claim__leaves_kinds_without_a_limit_alone, 1},
        {claim__lets_in_the_oldest_up_to_the_limit_and_the_others_wait, 1},
        {call__gives_each_free_place_to_one_that_waits_and_keeps_it, 1},
        {claim__serves_those_who_wait_before_newcomers, 1},
        {limit__of_a_user_lets_others_pass, 1},
        {limit__counts_jobs_that_ran_before_it, 1},
        {limit__that_shrinks_takes_back_its_promises, 1},
        {sweep__calls_after_a_cancel_and_frees_all_when_the_limit_is_gone, 1},
        {sweep__does_not_take_those_who_wait_for_lost, 1},
        {call__gives_the_next_place_to_the_user_who_has_the_fewest, 1},
        {claim__shares_places_among_newcomers_by_user, 1},
        {call__lets_nobody_who_comes_back_overtake_who_waits_since, 1},
        {hand_back__of_a_job_that_waits_leaves_no_history_and_burns_no_attempt, 1},
        {limit__of_a_worker_grows_with_its_processes_and_stands_beside_an_operators, 1},
        {short__counts_who_would_be_let_in_if_there_were_room, 1},
        {sweep__wakes_a_paused_job_when_its_download_is_wanted_again_and_not_before, 1},
        {claim__never_goes_over_the_limit_with_many_at_once, 1},
        {unique__key_lives_as_long_as_its_job_without_a_window, 1},
        {unique__key_with_a_window_outlives_its_job, 1},
        {unique__key_twice_in_one_batch_is_refused, 1},
    };
    int status = suite_run_with("limits", cases, sizeof cases / sizeof cases[0], setup, teardown);
    test_db_drop();
    return status;
}
