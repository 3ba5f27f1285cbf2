/* SPDX-License-Identifier: Apache-2.0 */
/* The transactions of a job's life, on a real Postgres: accepting, claiming, ending. */
#include "tests/unit/common/store/jobs_kit.h"

#include <pthread.h>

/* ---- accepting ------------------------------------------------------------------------------ */

static struct outbox_taken take_ten(void)
{
    struct outbox_taken taken;
    ck_assert_int_eq(
        outbox_store_take(db, arena, &(struct outbox_ask){.max = 10, .max_high = 10}, &taken, &err), E_OK);
    return taken;
}

/* req: S71, S109 */
START_TEST(accept__writes_job_and_wake_up_together)
{
    const char *id = accept();
    assert_status(id, "Pending");
    ck_assert_int_eq(
        count("SELECT count(*) FROM outgoing o JOIN jobs j ON j.wake = o.id AND j.epoch = o.epoch"), 1);
    const struct outbox_taken taken = take_ten();
    ck_assert_uint_eq(taken.count, 1);
    ck_assert_str_eq(taken.rows[0].subject, "sokoul.jobs.scout.noop");
    struct envelope envelope;
    const char *body = taken.rows[0].body;
    ck_assert_int_eq(envelope_decode(arena, body, strlen(body), &envelope, &err), E_OK);
    ck_assert_str_eq(envelope.job_id, id);
    ck_assert_str_eq(envelope.request_id, "req-12345");
}
END_TEST

/* req: S110, S111 */
START_TEST(accept__lets_the_unique_index_decide)
{
    struct job_new job = new_job();
    ck_assert_int_eq(job_store_accept(db, arena, &job, 1, &err), E_OK);
    ck_assert_int_eq(job_store_accept(db, arena, &job, 1, &err), E_CONFLICT);
    struct job_new one = new_job();
    struct job_new two = new_job();
    one.unique_key = two.unique_key = "media-7";
    ck_assert_int_eq(job_store_accept(db, arena, &one, 1, &err), E_OK);
    ck_assert_int_eq(job_store_accept(db, arena, &two, 1, &err), E_CONFLICT);
    ck_assert_int_eq(count("SELECT count(*) FROM jobs"), 2);
    ck_assert_int_eq(count("SELECT count(*) FROM outgoing"), 2);
}
END_TEST

START_TEST(accept__refuses_unknown_kinds_and_workers)
{
    struct job_new job = new_job();
    job.kind = "teleport";
    ck_assert_int_eq(job_store_accept(db, arena, &job, 1, &err), E_INVALID);
    job.kind = "noop";
    job.worker = "No body";
    ck_assert_int_eq(job_store_accept(db, arena, &job, 1, &err), E_INVALID);
    ck_assert_int_eq(count("SELECT count(*) FROM jobs"), 0);
}
END_TEST

START_TEST(accept__takes_a_strangers_kind_for_a_strangers_worker)
{
    struct job_new job = new_job();
    job.kind = "greet";
    job.worker = "demo";
    ck_assert_int_eq(job_store_accept(db, arena, &job, 1, &err), E_OK);
    ck_assert_int_eq(count("SELECT count(*) FROM outgoing WHERE subject = 'sokoul.jobs.demo.greet'"), 1);
}
END_TEST

START_TEST(worker__is_named_once_however_many_processes_it_has)
{
    const char **names = NULL;
    size_t n = 0;
    struct id one = id_new();
    struct id two = id_new();
    struct id three = id_new();
    ck_assert_int_eq(worker_store_register(db, one.text, "demo", "here", &err), E_OK);
    ck_assert_int_eq(worker_store_register(db, two.text, "demo", "there", &err), E_OK);
    ck_assert_int_eq(worker_store_register(db, three.text, "scout", "there", &err), E_OK);
    ck_assert_int_eq(worker_store_names(db, arena, &names, &n, &err), E_OK);
    ck_assert_uint_eq(n, 2);
    ck_assert_str_eq(names[0], "demo");
    ck_assert_str_eq(names[1], "scout");
}
END_TEST

START_TEST(key__answers_the_same_request_with_the_same_answer)
{
    const struct job_key key = {.user_id = owner, .route = "POST /jobs", .key = "k", .body_hash = "h"};
    struct job_key other = key;
    const char *answer = "untouched";
    other.body_hash = "another";
    ck_assert_int_eq(db_begin(db, &err), E_OK);
    ck_assert_int_eq(job_store_key_begin(db, arena, &key, &answer, &err), E_OK);
    ck_assert_ptr_null(answer);
    ck_assert_int_eq(job_store_key_answer(db, &key, "{\"job_id\":\"x\"}", &err), E_OK);
    ck_assert_int_eq(db_commit(db, &err), E_OK);
    ck_assert_int_eq(db_begin(db, &err), E_OK);
    ck_assert_int_eq(job_store_key_begin(db, arena, &key, &answer, &err), E_OK);
    ck_assert_str_eq(answer, "{\"job_id\": \"x\"}");
    ck_assert_int_eq(job_store_key_begin(db, arena, &other, &answer, &err), E_UNPROCESSABLE);
    db_rollback(db);
}
END_TEST

/* ---- claiming and the guard ----------------------------------------------------------------- */

START_TEST(claim__takes_a_job_once_and_counts_the_attempt)
{
    const char *id = accept();
    struct job_claim claimed = claim(id);
    ck_assert_int_eq(claimed.attempts, 1);
    ck_assert_int_gt(claimed.fence, 0);
    ck_assert_str_eq(claimed.kind, "noop");
    ck_assert(!is_claimable(id));
    assert_status(id, "Running");
}
END_TEST

START_TEST(claim__waits_until_run_at_has_come)
{
    struct job_new job = new_job();
    job.run_at_ms = clock_wall_ms() + 3600000;
    ck_assert_int_eq(job_store_accept(db, arena, &job, 1, &err), E_OK);
    ck_assert(!is_claimable(job.job_id));
    ck_assert_uint_eq(take_ten().count, 0);
}
END_TEST

START_TEST(finish__writes_one_result_under_the_guard)
{
    const char *id = accept();
    struct job_claim claimed = claim(id);
    ck_assert(settle_as(&claimed, JOB_FINISH, NULL));
    ck_assert(!settle_as(&claimed, JOB_FINISH, NULL));
    assert_status(id, "Completed");
    ck_assert_str_eq(column(id, "result"), "{\"n\":1}");
    ck_assert_int_eq(count("SELECT count(*) FROM job_results"), 1);
}
END_TEST

/* A Running job has no result; if there is one all the same, it is evidence and stays. */
START_TEST(finish__is_refused_where_a_result_is_there_already)
{
    const char *id = accept();
    struct job_claim claimed = claim(id);
    const struct job_end end = {
        .job_id = id, .fence = claimed.fence, .move = JOB_FINISH, .result = "{\"n\":1}"};
    bool mine = false;
    char sql[128];
    snprintf(sql, sizeof sql, "INSERT INTO job_results (job_id, result) VALUES ('%s', '{\"n\":2}')", id);
    test_db_exec(db, sql);
    ck_assert_int_eq(job_store_settle(db, arena, &end, 1, &mine, &err), E_CONFLICT);
    ck_assert(!mine);
    assert_status(id, "Running");
    ck_assert_int_eq(count("SELECT count(*) FROM job_results WHERE result = '{\"n\":2}'"), 1);
}
END_TEST

static const enum job_move late_moves[] = {JOB_FINISH, JOB_RETRY, JOB_GIVE_UP, JOB_FAIL, JOB_HAND_BACK};

START_TEST(guard__lets_nobody_in_whose_claim_is_over)
{
    const char *id = accept();
    struct job_claim old = claim(id);
    ck_assert(settle_as(&old, JOB_HAND_BACK, "shutdown"));
    struct job_claim fresh = claim(id);
    ck_assert(!settle_as(&old, late_moves[_i], "late"));
    assert_status(id, "Running");
    ck_assert_int_eq(count("SELECT count(*) FROM job_results"), 0);
    ck_assert_int_eq(count("SELECT count(*) FROM dead_letters"), 0);
    ck_assert(settle_as(&fresh, JOB_FINISH, NULL));
}
END_TEST

START_TEST(beat__tells_which_jobs_are_still_ours)
{
    const char *id = accept();
    struct job_claim claimed = claim(id);
    struct job_beat beats[] = {{.job_id = id, .fence = claimed.fence, .progress = "{\"at\":5}"},
                               {.job_id = id, .fence = claimed.fence + 1}};
    bool mine[2] = {false, true};
    ck_assert_int_eq(job_store_beat(db, arena, LEASE_MS, beats, 1, mine, &err), E_OK);
    ck_assert(mine[0] && beats[0].renewed);
    ck_assert_str_eq(column(id, "progress"), "{\"at\":5}");
    ck_assert_int_eq(job_store_check(db, arena, beats + 1, 1, mine, &err), E_OK);
    ck_assert(!mine[0]);
}
END_TEST

/* Three jobs that end and are renewed at the same time, while somebody holds the one in the middle. */
enum
{
    MEETING = 3
};

struct meeting
{
    struct db *db;
    struct arena *arena;
    struct job_claim *claims;
    const enum job_move *moves;
    _Atomic int code; /* enum err_code; E_COUNT: it has not ended */
    bool mine[MEETING];
};

static void *settle_upwards(void *of)
{
    struct meeting *meeting = of;
    struct err why = ERR_INIT;
    struct job_end ends[MEETING];
    for (size_t i = 0; i < MEETING; i++)
        ends[i] = (struct job_end){.job_id = meeting->claims[i].job_id,
                                   .fence = meeting->claims[i].fence,
                                   .move = meeting->moves[i],
                                   .reason = "exhausted",
                                   .detail = "because",
                                   .result = "{}"};
    meeting->code = (int)job_store_settle(meeting->db, meeting->arena, ends, MEETING, meeting->mine, &why);
    return NULL;
}

static void *beat_downwards(void *of)
{
    struct meeting *meeting = of;
    struct err why = ERR_INIT;
    struct job_beat beats[MEETING];
    for (size_t i = 0; i < MEETING; i++)
        beats[i] = (struct job_beat){.job_id = meeting->claims[MEETING - 1 - i].job_id,
                                     .fence = meeting->claims[MEETING - 1 - i].fence};
    meeting->code =
        (int)job_store_beat(meeting->db, meeting->arena, LEASE_MS, beats, MEETING, meeting->mine, &why);
    return NULL;
}

static void await_waiting(int64_t least, const struct meeting *or_done)
{
    static const struct db_stmt stmt = {"t_waiting",
                                        "SELECT count(*) FROM pg_stat_activity WHERE datname = "
                                        "current_database() AND wait_event_type = 'Lock'",
                                        0};
    const int64_t until_ms = clock_mono_ms() + 10000;
    int64_t waiting = 0;
    while (waiting < least && (or_done == NULL || or_done->code == E_COUNT) && clock_mono_ms() < until_ms)
    {
        struct db_rows *rows = NULL;
        ck_assert_int_eq(db_run(db, &stmt, NULL, &rows, &err), E_OK);
        waiting = db_int(rows, 0, 0, 0);
        db_rows_free(rows);
    }
}

struct accepting
{
    struct db *db;
    struct arena *arena;
    const char *keys[MEETING];
    _Atomic int code; /* enum err_code; E_COUNT: it has not ended */
};

static void *accept_keys(void *of)
{
    struct accepting *accepting = of;
    struct err why = ERR_INIT;
    struct job_new jobs[MEETING];
    for (size_t i = 0; i < MEETING; i++)
    {
        const struct id id = id_new();
        jobs[i] = (struct job_new){.job_id = arena_strdup(accepting->arena, id.text),
                                   .kind = "noop",
                                   .user_id = owner,
                                   .request_id = "req-12345",
                                   .payload = "{}",
                                   .unique_key = accepting->keys[i]};
    }
    accepting->code = (int)job_store_accept(accepting->db, accepting->arena, jobs, MEETING, &why);
    return NULL;
}

/* As the runtime's own. */
static struct db_pool *lookups(void)
{
    struct db_pool *pool = NULL;
    const struct db_pool_config config = {.url = test_db_url(), .size = 2, .plans = DB_PLANS_LOOKUPS};
    ck_assert_int_eq(db_pool_open(&config, &pool, &err), E_OK);
    return pool;
}

static const enum job_move meetings[][MEETING] = {{JOB_FINISH, JOB_FINISH, JOB_FINISH},
                                                  {JOB_FINISH, JOB_FINISH, JOB_RETRY},
                                                  {JOB_RETRY, JOB_FINISH, JOB_GIVE_UP}};

START_TEST(beat__never_waits_in_a_circle_with_a_settling)
{
    const char *ids[MEETING] = {accept(), accept(), accept()};
    struct db_pool *pool = lookups();
    struct meeting settling = {.arena = arena_new(1 << 20), .moves = meetings[_i]};
    struct meeting beating = {.arena = arena_new(1 << 20), .code = E_COUNT};
    ck_assert_int_eq(db_get(pool, &settling.db, &err), E_OK);
    ck_assert_int_eq(db_get(pool, &beating.db, &err), E_OK);
    struct db *holder = test_db_open();
    char hold[128];
    pthread_t threads[2];
    ck_assert_uint_eq(claim_many(ids, MEETING, &settling.claims), MEETING);
    beating.claims = settling.claims;
    snprintf(hold, sizeof hold, "BEGIN; SELECT FROM jobs WHERE job_id = '%s' FOR UPDATE",
             settling.claims[1].job_id);
    test_db_exec(holder, hold);
    ck_assert_int_eq(pthread_create(&threads[0], NULL, settle_upwards, &settling), 0);
    await_waiting(1, NULL);
    ck_assert_int_eq(pthread_create(&threads[1], NULL, beat_downwards, &beating), 0);
    await_waiting(2, &beating);
    test_db_exec(holder, "COMMIT");
    for (size_t i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    ck_assert_int_eq(settling.code, E_OK);
    ck_assert_int_eq(beating.code, E_OK);
    for (size_t i = 0; i < MEETING; i++)
        ck_assert(settling.mine[i]);
    arena_free(settling.arena);
    arena_free(beating.arena);
    db_put(settling.db);
    db_put(beating.db);
    db_pool_close(pool);
    test_db_close(holder);
}
END_TEST

START_TEST(beat__counts_a_row_that_somebody_holds_as_ours)
{
    const char *ids[] = {accept(), accept(), accept()};
    struct job_claim *claims = NULL;
    struct job_beat beats[3];
    bool mine[3];
    char hold[128];
    struct db *holder = test_db_open();
    ck_assert_uint_eq(claim_many(ids, 3, &claims), 3);
    for (size_t i = 0; i < 3; i++)
        beats[i] = (struct job_beat){.job_id = claims[i].job_id, .fence = claims[i].fence - (i == 2)};
    snprintf(hold, sizeof hold, "BEGIN; SELECT FROM jobs WHERE job_id = '%s' FOR UPDATE", claims[1].job_id);
    test_db_exec(holder, hold);
    ck_assert_int_eq(job_store_beat(db, arena, LEASE_MS, beats, 3, mine, &err), E_OK);
    ck_assert(mine[0] && mine[1] && !mine[2]);
    ck_assert(beats[0].renewed && !beats[1].renewed && !beats[2].renewed);
    test_db_exec(holder, "COMMIT");
    ck_assert_int_eq(job_store_beat(db, arena, LEASE_MS, beats, 2, mine, &err), E_OK);
    ck_assert(mine[1] && beats[1].renewed);
    test_db_close(holder);
}
END_TEST

START_TEST(accept__of_the_same_keys_in_another_order_is_a_conflict)
{
    struct accepting both[2] = {{.keys = {"a", "b", "c"}, .code = E_COUNT},
                                {.keys = {"c", "b", "a"}, .code = E_COUNT}};
    struct db_pool *pool = lookups();
    struct db *holder = test_db_open();
    pthread_t threads[2];
    const struct id id = id_new();
    char hold[200];
    snprintf(
        hold, sizeof hold,
        "BEGIN; INSERT INTO job_windows (kind, unique_key, job_id, until) VALUES ('noop', 'b', '%s', now())",
        id.text);
    test_db_exec(holder, hold);
    for (size_t i = 0; i < 2; i++)
    {
        both[i].arena = arena_new(1 << 20);
        ck_assert_int_eq(db_get(pool, &both[i].db, &err), E_OK);
        ck_assert_int_eq(pthread_create(&threads[i], NULL, accept_keys, &both[i]), 0);
        await_waiting((int64_t)i + 1, NULL);
    }
    test_db_exec(holder, "ROLLBACK");
    for (size_t i = 0; i < 2; i++)
    {
        pthread_join(threads[i], NULL);
        db_put(both[i].db);
        arena_free(both[i].arena);
    }
    ck_assert_int_eq(both[0].code, E_OK);
    ck_assert_int_eq(both[1].code, E_CONFLICT);
    ck_assert_int_eq(count("SELECT count(*) FROM jobs"), MEETING);
    db_pool_close(pool);
    test_db_close(holder);
}
END_TEST

/* ---- again, and the end --------------------------------------------------------------------- */

START_TEST(retry__is_a_row_with_a_new_wake_up)
{
    const char *id = accept();
    struct job_claim claimed = claim(id);
    ck_assert(settle_as(&claimed, JOB_RETRY, "provider"));
    assert_status(id, "Pending");
    ck_assert_str_eq(column(id, "attempts"), "1");
    ck_assert_int_eq(count("SELECT count(*) FROM outgoing o JOIN jobs j ON j.wake = o.id AND o.epoch = 2"),
                     1);
    ck_assert_int_eq(count("SELECT count(*) FROM job_history WHERE reason = 'provider' AND attempt = 1"), 1);
    ck_assert_int_eq(claim(id).attempts, 2);
}
END_TEST

START_TEST(hand_back__burns_no_attempt)
{
    const char *id = accept();
    struct job_claim claimed = claim(id);
    ck_assert(settle_as(&claimed, JOB_HAND_BACK, "shutdown"));
    ck_assert_str_eq(column(id, "attempts"), "0");
    ck_assert_int_eq(claim(id).attempts, 1);
}
END_TEST

/* part: S108, S113 */
START_TEST(give_up__writes_a_dead_letter_with_every_error)
{
    const char *id = accept();
    struct job_claim claimed = claim(id);
    ck_assert(settle_as(&claimed, JOB_RETRY, "provider"));
    claimed = claim(id);
    ck_assert(settle_as(&claimed, JOB_GIVE_UP, "exhausted"));
    assert_status(id, "Failed");
    ck_assert_str_eq(column(id, "reason"), "exhausted");
    ck_assert_int_eq(count("SELECT count(*) FROM dead_letters WHERE reason = 'exhausted'"
                           " AND jsonb_array_length(errors) = 2"),
                     1);
    ck_assert_int_eq(count("SELECT count(*) FROM outgoing WHERE subject = 'sokoul.dlq.scout.noop'"), 1);
    ck_assert_int_eq(count("SELECT count(*) FROM outgoing WHERE subject LIKE 'sokoul.events.%'"), 1);
}
END_TEST

START_TEST(fail__for_good_has_a_reason_and_no_letter)
{
    const char *id = accept();
    struct job_claim claimed = claim(id);
    ck_assert(settle_as(&claimed, JOB_FAIL, "not_found"));
    assert_status(id, "Failed");
    ck_assert_int_eq(count("SELECT count(*) FROM dead_letters"), 0);
    ck_assert_int_eq(count("SELECT count(*) FROM job_results"), 0);
}
END_TEST

/* ---- who is told ---------------------------------------------------------------------------- */

static const char *fail_as(struct job_new job, enum job_move move, const char *reason)
{
    ck_assert_int_eq(job_store_accept(db, arena, &job, 1, &err), E_OK);
    struct job_claim claimed = claim(job.job_id);
    ck_assert(settle_as(&claimed, move, reason));
    ck_assert(!settle_as(&claimed, move, reason));
    return job.job_id;
}

static const struct
{
    enum job_move move;
    const char *reason;
} failures[] = {
    {JOB_GIVE_UP, "exhausted"}, {JOB_GIVE_UP, "poison"}, {JOB_FAIL, "not_found"}, {JOB_FAIL, "deadline"}};

/* part: S113 */
START_TEST(failure__of_a_person_is_told_once_by_a_job_of_its_own)
{
    struct job_new job = new_job();
    job.payload = "{\"query\":\"Sintel\"}";
    const char *id = fail_as(job, failures[_i].move, failures[_i].reason);
    ck_assert_int_eq(count("SELECT count(*) FROM jobs WHERE kind = 'notify'"), 1);
    ck_assert_int_eq(count("SELECT count(*) FROM jobs n JOIN jobs j ON j.job_id = n.parent_id AND j.user_id ="
                           " n.user_id AND j.request_id = n.request_id WHERE n.kind = 'notify' AND n.worker ="
                           " 'scout' AND n.status = 'Pending' AND n.payload = jsonb_build_object('channel',"
                           " 'email', 'template', 'job_failed', 'job_id', j.job_id, 'kind', 'noop', 'reason',"
                           " j.reason, 'detail', 'because', 'title', 'Sintel')"
                           " AND substr(n.job_id::text, 15, 1) = '7'"),
                     1);
    ck_assert_int_eq(
        count("SELECT count(*) FROM outgoing o JOIN jobs n ON n.wake = o.id AND n.job_id = ANY (o.job_ids)"
              " AND n.epoch = o.epoch WHERE o.subject = 'sokoul.jobs.scout.notify'"),
        1);
    assert_status(id, "Failed");
}
END_TEST

START_TEST(failure__of_many_is_told_one_by_one)
{
    enum
    {
        MANY = 40
    };
    struct job_claim claims[MANY];
    struct job_end ends[MANY];
    bool mine[MANY];
    for (int i = 0; i < MANY; i++)
    {
        claims[i] = claim(accept());
        ends[i] = (struct job_end){.job_id = claims[i].job_id,
                                   .fence = i % 2 == 0 ? claims[i].fence : claims[i].fence + 1,
                                   .move = JOB_FAIL,
                                   .reason = "invalid"};
    }
    ck_assert_int_eq(job_store_settle(db, arena, ends, MANY, mine, &err), E_OK);
    ck_assert_int_eq(count("SELECT count(DISTINCT parent_id) FROM jobs WHERE kind = 'notify'"), MANY / 2);
    ck_assert_int_eq(count("SELECT count(*) FROM jobs n JOIN jobs j ON j.job_id = n.parent_id"
                           " WHERE n.kind = 'notify' AND j.status = 'Running'"),
                     0);
}
END_TEST

START_TEST(failure__is_not_told_where_nobody_waits_for_it)
{
    struct job_new system = new_job();
    struct job_new notice = new_job();
    system.user_id = ID_SYSTEM_USER;
    notice.kind = "notify";
    fail_as(system, JOB_GIVE_UP, "exhausted");
    fail_as(notice, JOB_FAIL, "refused");
    fail_as(new_job(), JOB_FAIL, "cancelled");
    ck_assert_int_eq(job_store_cancel(db, arena, accept(), owner, &err), E_OK);
    ck_assert_int_eq(count("SELECT count(*) FROM jobs WHERE parent_id IS NOT NULL"), 0);
    ck_assert_int_eq(count("SELECT count(*) FROM outgoing WHERE subject = 'sokoul.jobs.scout.notify'"), 1);
}
END_TEST

START_TEST(failure__of_a_replayed_job_is_told_again)
{
    const char *id = fail_as(new_job(), JOB_GIVE_UP, "exhausted");
    const char *job = NULL;
    ck_assert_int_eq(replay(only_letter(), NULL, &job), E_OK);
    struct job_claim again = claim(id);
    ck_assert(settle_as(&again, JOB_GIVE_UP, "exhausted"));
    ck_assert_int_eq(count("SELECT count(*) FROM jobs WHERE kind = 'notify'"), 2);
}
END_TEST

START_TEST(settle__moves_many_ways_in_one_transaction)
{
    struct job_claim claims[3];
    bool mine[3];
    for (int i = 0; i < 3; i++)
        claims[i] = claim(accept());
    struct job_new follow = new_job();
    const struct job_end ends[] = {
        {.job_id = claims[0].job_id,
         .fence = claims[0].fence,
         .move = JOB_FINISH,
         .follow = &follow,
         .follows = 1},
        {.job_id = claims[1].job_id, .fence = claims[1].fence, .move = JOB_RETRY, .reason = "provider"},
        {.job_id = claims[2].job_id, .fence = 9, .move = JOB_FINISH, .follow = &follow, .follows = 1}};
    ck_assert_int_eq(job_store_settle(db, arena, ends, 3, mine, &err), E_OK);
    ck_assert(mine[0] && mine[1] && !mine[2]);
    assert_status(follow.job_id, "Pending");
    assert_status(claims[2].job_id, "Running");
}
END_TEST

START_TEST(cancel__takes_pending_and_running_and_nothing_else)
{
    const char *id = accept();
    struct job_claim claimed = claim(id);
    ck_assert_int_eq(job_store_cancel(db, arena, id, owner, &err), E_OK);
    ck_assert_str_eq(column(id, "reason"), "cancelled");
    ck_assert(!settle_as(&claimed, JOB_FINISH, NULL));
    ck_assert_int_eq(job_store_cancel(db, arena, id, owner, &err), E_CONFLICT);
    ck_assert_int_eq(job_store_cancel(db, arena, accept(), test_db_user(db, "eve"), &err), E_NOT_FOUND);
}
END_TEST

int main(void)
{
    test_db_create();
    const struct suite_case cases[] = {
        {accept__writes_job_and_wake_up_together, 1},
        {accept__lets_the_unique_index_decide, 1},
        {accept__refuses_unknown_kinds_and_workers, 1},
        {accept__takes_a_strangers_kind_for_a_strangers_worker, 1},
        {worker__is_named_once_however_many_processes_it_has, 1},
        {key__answers_the_same_request_with_the_same_answer, 1},
        {claim__takes_a_job_once_and_counts_the_attempt, 1},
        {claim__waits_until_run_at_has_come, 1},
        {finish__writes_one_result_under_the_guard, 1},
        {finish__is_refused_where_a_result_is_there_already, 1},
        {guard__lets_nobody_in_whose_claim_is_over, sizeof late_moves / sizeof late_moves[0]},
        {beat__tells_which_jobs_are_still_ours, 1},
        {accept__of_the_same_keys_in_another_order_is_a_conflict, 1},
        {beat__counts_a_row_that_somebody_holds_as_ours, 1},
        {beat__never_waits_in_a_circle_with_a_settling, sizeof meetings / sizeof meetings[0]},
        {retry__is_a_row_with_a_new_wake_up, 1},
        {hand_back__burns_no_attempt, 1},
        {give_up__writes_a_dead_letter_with_every_error, 1},
        {fail__for_good_has_a_reason_and_no_letter, 1},
        {failure__of_a_person_is_told_once_by_a_job_of_its_own, sizeof failures / sizeof failures[0]},
        {failure__of_many_is_told_one_by_one, 1},
        {failure__is_not_told_where_nobody_waits_for_it, 1},
        {failure__of_a_replayed_job_is_told_again, 1},
        {settle__moves_many_ways_in_one_transaction, 1},
        {cancel__takes_pending_and_running_and_nothing_else, 1},
    };
    int status = suite_run_with("jobs", cases, sizeof cases / sizeof cases[0], setup, teardown);
    test_db_drop();
    return status;
}
