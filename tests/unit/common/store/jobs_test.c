/* SPDX-License-Identifier: Apache-2.0 */
/* The transactions of a job's life, on a real Postgres. */
#include "common/store/jobs.h"

#include "common/base/clock.h"
#include "common/base/id.h"
#include "common/job/envelope.h"
#include "common/json/json.h"
#include "common/store/outbox.h"
#include "tests/support/suite.h"
#include "tests/support/test_db.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
    LEASE_MS = 40000
};

static struct db *db;
static struct arena *arena;
static struct err err;
static const char *owner;
static struct id worker;

static void setup(void)
{
    arena = arena_new(1 << 22);
    db = test_db_open();
    test_db_exec(
        db,
        "TRUNCATE jobs, claims, job_results, job_history, outbox, dead_letters, idempotency_keys, workers,"
        " relay_batches, users CASCADE");
    test_db_exec(db, "INSERT INTO users (id, username, email, password_hash, role)"
                     " VALUES ('" ID_SYSTEM_USER "', 'system', 'system@localhost', '!', 'system')");
    owner = test_db_user(db, "ada");
    worker = id_new();
}

static void teardown(void)
{
    test_db_close(db);
    arena_free(arena);
    db_pool_close(test_db_pool());
}

/* ---- a small language for the cases --------------------------------------------------------- */

static struct job_new new_job(void)
{
    struct id id = id_new();
    return (struct job_new){.job_id = arena_strdup(arena, id.text),
                            .kind = "noop",
                            .user_id = owner,
                            .request_id = "req-12345",
                            .payload = "{}",
                            .priority = JOB_NORMAL};
}

static const char *accept(void)
{
    struct job_new job = new_job();
    ck_assert_int_eq(job_store_accept(db, arena, &job, 1, &err), E_OK);
    return job.job_id;
}

static size_t claim_many(const char *const *ids, size_t n, struct job_claim **claims)
{
    const struct job_claimer claimer = {.worker_id = worker.text, .worker = "scout", .lease_ms = LEASE_MS};
    size_t count = 0;
    ck_assert_int_eq(job_store_claim(db, arena, &claimer, ids, n, claims, &count, &err), E_OK);
    return count;
}

static struct job_claim claim(const char *id)
{
    struct job_claim *claims = NULL;
    ck_assert_uint_eq(claim_many(&id, 1, &claims), 1);
    return claims[0];
}

static bool is_claimable(const char *id)
{
    struct job_claim *claims = NULL;
    return claim_many(&id, 1, &claims) == 1;
}

static bool settle_as(const struct job_claim *claimed, enum job_move move, const char *reason)
{
    bool mine = false;
    const struct job_end end = {.job_id = claimed->job_id,
                                .fence = claimed->fence,
                                .move = move,
                                .delay_ms = 0,
                                .reason = reason,
                                .detail = "because",
                                .result = "{\"n\":1}"};
    ck_assert_int_eq(job_store_settle(db, arena, &end, 1, &mine, &err), E_OK);
    return mine;
}

static const char *column(const char *id, const char *name)
{
    const char *json = NULL;
    const struct json *doc = NULL;
    ck_assert_int_eq(job_store_get(db, arena, id, NULL, &json, &err), E_OK);
    ck_assert_int_eq(json_parse(arena, json, strlen(json), &doc, &err), E_OK);
    const struct json *value = json_get(doc, name);
    const char *text = json_text(value, NULL);
    return text != NULL ? text : json_print(arena, value);
}

static int64_t count(const char *sql)
{
    return test_db_int(db, sql);
}

#define assert_status(id, status) ck_assert_str_eq(column((id), "status"), (status))

/* ---- accepting ------------------------------------------------------------------------------ */

/* req: S71, S109 */
START_TEST(accept__writes_job_and_wake_up_together)
{
    const char *id = accept();
    assert_status(id, "Pending");
    ck_assert_int_eq(
        count("SELECT count(*) FROM outbox o JOIN jobs j ON j.wake = o.id AND j.epoch = o.epoch"), 1);
    struct outbox_row *rows = NULL;
    size_t n = 0;
    size_t taken = 0;
    ck_assert_int_eq(outbox_store_take(db, arena, &(struct outbox_ask){.max = 10, .max_high = 10}, &rows, &n,
                                       &taken, &err),
                     E_OK);
    ck_assert_uint_eq(n, 1);
    ck_assert_str_eq(rows[0].subject, "sokoul.jobs.scout.noop");
    struct envelope envelope;
    ck_assert_int_eq(envelope_decode(arena, rows[0].body, strlen(rows[0].body), &envelope, &err), E_OK);
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
    ck_assert_int_eq(count("SELECT count(*) FROM outbox"), 2);
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
    ck_assert_int_eq(count("SELECT count(*) FROM outbox WHERE subject = 'sokoul.jobs.demo.greet'"), 1);
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
    struct outbox_row *rows = NULL;
    size_t n = 1;
    size_t taken = 1;
    ck_assert_int_eq(outbox_store_take(db, arena, &(struct outbox_ask){.max = 10, .max_high = 10}, &rows, &n,
                                       &taken, &err),
                     E_OK);
    ck_assert_uint_eq(n, 0);
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
    const struct job_beat beats[] = {{id, claimed.fence, "{\"at\":5}", NULL},
                                     {id, claimed.fence + 1, NULL, NULL}};
    bool mine[2] = {false, true};
    ck_assert_int_eq(job_store_beat(db, arena, LEASE_MS, beats, 1, mine, &err), E_OK);
    ck_assert(mine[0]);
    ck_assert_str_eq(column(id, "progress"), "{\"at\":5}");
    ck_assert_int_eq(job_store_check(db, arena, beats + 1, 1, mine, &err), E_OK);
    ck_assert(!mine[0]);
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
    ck_assert_int_eq(count("SELECT count(*) FROM outbox o JOIN jobs j ON j.wake = o.id AND o.epoch = 2"), 1);
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

/* req: S108, S113 */
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
    ck_assert_int_eq(count("SELECT count(*) FROM outbox WHERE subject = 'sokoul.dlq.scout.noop'"), 1);
    ck_assert_int_eq(count("SELECT count(*) FROM outbox WHERE subject LIKE 'sokoul.events.%'"), 1);
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

static const char *only_letter(void)
{
    const struct letter_filter filter = {.limit = 10};
    struct job_page page;
    const struct json *doc = NULL;
    ck_assert_int_eq(letter_store_list(db, arena, &filter, &page, &err), E_OK);
    ck_assert_int_eq(page.total, 1);
    ck_assert_int_eq(json_parse(arena, page.items, strlen(page.items), &doc, &err), E_OK);
    return json_text(json_get(json_first(doc), "id"), NULL);
}

static enum err_code replay(const char *letter, const char *payload, const char **job)
{
    ck_assert_int_eq(db_begin(db, &err), E_OK);
    enum err_code code = letter_store_replay(db, arena, letter, owner, payload, job, &err);
    if (code == E_OK)
        ck_assert_int_eq(db_commit(db, &err), E_OK);
    else
        db_rollback(db);
    return code;
}

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

/* req: S113 */
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
        count("SELECT count(*) FROM outbox o JOIN jobs n ON n.wake = o.id AND n.job_id = o.job_id"
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
    ck_assert_int_eq(count("SELECT count(*) FROM outbox WHERE subject = 'sokoul.jobs.scout.notify'"), 1);
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

/* ---- healing -------------------------------------------------------------------------------- */

/* A worker whose connection has closed, seen missing a while ago. */
static void bury_worker(void)
{
    ck_assert_int_eq(worker_store_register(db, worker.text, "scout", "here", &err), E_OK);
    test_db_exec(db,
                 "UPDATE workers SET backend_pid = 1, missing_since = clock_timestamp() - interval '1 s'");
}

static int64_t take_back(void)
{
    int64_t moved = -1;
    ck_assert_int_eq(job_store_take_back(db, arena, LEASE_MS, &moved, &err), E_OK);
    return moved;
}

START_TEST(take_back__leaves_the_living_alone)
{
    const char *id = accept();
    ck_assert_int_eq(worker_store_register(db, worker.text, "scout", "here", &err), E_OK);
    claim(id);
    ck_assert_int_eq(take_back(), 0);
    assert_status(id, "Running");
}
END_TEST

START_TEST(take_back__charges_a_job_that_was_alone)
{
    const char *id = accept();
    claim(id);
    bury_worker();
    ck_assert_int_eq(take_back(), 1);
    ck_assert_str_eq(column(id, "attempts"), "1");
    ck_assert_int_eq(claim(id).attempts, 2);
}
END_TEST

START_TEST(take_back__forgives_company_and_claims_each_alone_from_then_on)
{
    const char *ids[2] = {accept(), accept()};
    struct job_claim *claims = NULL;
    ck_assert_uint_eq(claim_many(ids, 2, &claims), 2);
    bury_worker();
    ck_assert_int_eq(take_back(), 2);
    ck_assert_str_eq(column(ids[0], "attempts"), "0");
    ck_assert_uint_eq(claim_many(ids, 2, &claims), 0);
    ck_assert_int_eq(claim(ids[0]).attempts, 1);
}
END_TEST

START_TEST(take_back__blames_the_newcomer_that_was_claimed_alone)
{
    const char *old = accept();
    const char *young = accept();
    claim(old);
    test_db_exec(db, "UPDATE jobs SET started_at = now() - interval '1 minute'");
    char sql[128];
    snprintf(sql, sizeof sql, "UPDATE jobs SET alone = true WHERE job_id = '%s'", young);
    test_db_exec(db, sql);
    claim(young);
    bury_worker();
    ck_assert_int_eq(take_back(), 2);
    ck_assert_str_eq(column(old, "attempts"), "0");
    ck_assert_str_eq(column(young, "attempts"), "1");
}
END_TEST

START_TEST(take_back__gives_up_a_job_that_kills_its_workers)
{
    const char *id = accept();
    for (int crash = 1; crash <= JOB_MAX_ATTEMPTS; crash++)
    {
        assert_status(id, "Pending");
        claim(id);
        bury_worker();
        ck_assert_int_eq(take_back(), 1);
        test_db_exec(db, "DELETE FROM workers");
    }
    assert_status(id, "Failed");
    ck_assert_str_eq(column(id, "reason"), "exhausted");
    ck_assert_int_eq(count("SELECT count(*) FROM dead_letters"), 1);
}
END_TEST

START_TEST(take_back__wants_a_lease_of_quiet_before_it_trusts_leases)
{
    const char *id = accept();
    claim(id);
    test_db_exec(db, "UPDATE jobs SET lease_until = clock_timestamp() - interval '1 s'");
    ck_assert_int_eq(take_back(), 0); /* this connection is younger than a lease */
    assert_status(id, "Running");
}
END_TEST

static int64_t sweep(const char *stream, int64_t delivered, int64_t acked)
{
    const struct job_stream position = {.stream = stream, .ack_wait_ms = 30000};
    const struct job_consumer scout = {
        .worker = "scout", .priority = JOB_NORMAL, .delivered_seq = delivered, .acked_seq = acked};
    struct job_walk walk = {.woken = -1};
    ck_assert_int_eq(job_store_sweep(db, arena, &position, &scout, 1, &walk, &err), E_OK);
    ck_assert_str_eq(walk.before, "");
    return walk.woken;
}

/* A job that was published as message 5 of stream "s#0", a minute ago. */
static void published(void)
{
    test_db_exec(db, "UPDATE jobs SET run_at = now() - interval '1 minute'");
    test_db_exec(db, "INSERT INTO relay_batches (stream, min_wake, max_wake, max_seq)"
                     " SELECT 's#0', min(id), max(id), 5 FROM outbox");
    test_db_exec(db, "DELETE FROM outbox");
}

START_TEST(sweep__never_republishes_a_backlog)
{
    accept();
    ck_assert_int_eq(sweep("s#0", 0, 0), 0); /* still in the outbox */
    published();
    ck_assert_int_eq(sweep("s#0", 4, 3), 0); /* still in the stream */
    ck_assert_int_eq(sweep("s#0", 5, 4), 0); /* delivered just now: being claimed */
}
END_TEST

START_TEST(sweep__wakes_what_the_stream_has_lost)
{
    accept();
    published();
    ck_assert_int_eq(sweep("s#0", 5, 5), 1); /* acknowledged and yet pending */
    ck_assert_int_eq(sweep("s#0", 5, 5), 0); /* the new wake-up is in the outbox */
    ck_assert_int_eq(count("SELECT count(*) FROM outbox WHERE epoch = 2"), 1);
}
END_TEST

START_TEST(sweep__wakes_everything_of_a_stream_that_is_gone)
{
    accept();
    published();
    ck_assert_int_eq(sweep("s#1", 0, 0), 1);
}
END_TEST

START_TEST(sweep__walks_the_table_in_steps)
{
    const struct job_stream stream = {.stream = "s#1", .ack_wait_ms = 30000};
    const struct job_consumer scout = {.worker = "scout", .priority = JOB_NORMAL};
    struct job_walk walk = {.woken = 0};
    test_db_exec(db,
                 "INSERT INTO jobs (job_id, kind, worker, user_id, run_at)"
                 " SELECT gen_random_uuid(), 'noop', 'scout', '" ID_SYSTEM_USER "', now() - interval '1 hour'"
                 " FROM generate_series(1, 20001)");
    ck_assert_int_eq(job_store_sweep(db, arena, &stream, &scout, 1, &walk, &err), E_OK);
    ck_assert_int_eq(walk.woken, JOB_WALK_STEP);
    ck_assert_str_ne(walk.before, "");
    ck_assert_int_eq(job_store_sweep(db, arena, &stream, &scout, 1, &walk, &err), E_OK);
    ck_assert_int_eq(walk.woken, 1);
    ck_assert_str_eq(walk.before, "");
}
END_TEST

START_TEST(sweep__tells_again_of_a_running_job_that_no_claim_names)
{
    const char *id = accept();
    claim(id);
    test_db_exec(db, "DELETE FROM claims");
    test_db_exec(db, "UPDATE jobs SET lease_until = clock_timestamp() - interval '1 minute'");
    sweep("s#0", 0, 0);
    sweep("s#0", 0, 0);
    ck_assert_int_eq(count("SELECT count(*) FROM claims"), 1);
    bury_worker();
    ck_assert_int_eq(take_back(), 1);
    assert_status(id, "Pending");
}
END_TEST

START_TEST(claims__go_when_their_jobs_have_ended)
{
    struct job_claim one = claim(accept());
    ck_assert_int_eq(count("SELECT count(*) FROM claims"), 1);
    test_db_exec(db, "UPDATE claims SET at = now() - interval '1 hour'");
    ck_assert_int_eq(job_store_tidy_claims(db, arena, LEASE_MS, &err), E_OK);
    ck_assert_int_eq(count("SELECT count(*) FROM claims"), 1); /* it runs */
    ck_assert_int_eq(job_store_forget_claims(db, arena, &one.note, 1, &err), E_OK);
    ck_assert_int_eq(count("SELECT count(*) FROM claims"), 0);
    one = claim(accept());
    ck_assert(settle_as(&one, JOB_FINISH, NULL));
    ck_assert_int_eq(job_store_tidy_claims(db, arena, LEASE_MS, &err), E_OK);
    ck_assert_int_eq(count("SELECT count(*) FROM claims"), 1); /* young: its worker removes it */
    test_db_exec(db, "UPDATE claims SET at = now() - interval '1 hour'");
    ck_assert_int_eq(job_store_tidy_claims(db, arena, LEASE_MS, &err), E_OK);
    ck_assert_int_eq(count("SELECT count(*) FROM claims"), 0);
}
END_TEST

/* An index on one of these would make every move of every job twice as dear (docs/adr/0008). */
START_TEST(moves__stay_on_the_page)
{
    ck_assert_int_eq(
        count(
            "SELECT count(*) FROM pg_depend d JOIN pg_index i ON i.indexrelid = d.objid"
            " JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid"
            " WHERE d.classid = 'pg_class'::regclass AND i.indrelid = 'jobs'::regclass AND a.attname = ANY ("
            "'{status,attempts,fence,epoch,wake,worker_id,lease_until,run_at,reason,detail,progress,"
            "checkpoint,"
            "started_at,finished_at,alone}')"),
        0);
    for (int i = 0; i < 20; i++)
    {
        struct job_claim one = claim(accept());
        ck_assert(settle_as(&one, JOB_FINISH, NULL));
    }
    test_db_exec(db, "SELECT pg_stat_force_next_flush()");
    ck_assert_int_ge(
        count("SELECT n_tup_hot_upd * 100 / n_tup_upd FROM pg_stat_user_tables WHERE relname = 'jobs'"), 80);
}
END_TEST

static enum err_code incarnation(const char *created, int64_t last_seq, struct outbox_stream *stream)
{
    int64_t known_seq = 0;
    ck_assert_int_eq(outbox_store_known_seq(db, created, &known_seq, &err), E_OK);
    return outbox_store_incarnation(db, arena, created, last_seq, known_seq, stream, &err);
}

START_TEST(incarnation__changes_with_the_stream_and_when_it_is_set_back)
{
    struct outbox_stream stream;
    accept();
    test_db_exec(db, "DELETE FROM stream_state");
    ck_assert_int_eq(incarnation("s", 10, &stream), E_OK);
    ck_assert_str_eq(stream.incarnation, "s#0");
    published();
    ck_assert_int_eq(incarnation("s", 5, &stream), E_OK);
    ck_assert_str_eq(stream.incarnation, "s#0");
    ck_assert_int_eq(incarnation("s", 4, &stream), E_OK);
    ck_assert_str_eq(stream.incarnation, "s#1");
    ck_assert_int_eq(incarnation("t", 0, &stream), E_OK);
    ck_assert_str_eq(stream.incarnation, "t#0");
}
END_TEST

/* ---- dead letters --------------------------------------------------------------------------- */

START_TEST(replay__runs_the_same_job_again_and_closes_the_letter)
{
    const char *id = accept();
    struct job_claim claimed = claim(id);
    ck_assert(settle_as(&claimed, JOB_GIVE_UP, "exhausted"));
    const char *letter = only_letter();
    const char *job = NULL;
    ck_assert_int_eq(replay(letter, "{\"sleep_ms\":1}", &job), E_OK);
    ck_assert_str_eq(job, id);
    assert_status(id, "Pending");
    ck_assert_str_eq(column(id, "payload"), "{\"sleep_ms\":1}");
    struct job_claim again = claim(id);
    ck_assert_int_eq(again.attempts, 1);
    ck_assert_int_gt(again.fence, claimed.fence);
    ck_assert_int_eq(replay(letter, NULL, &job), E_CONFLICT);
    ck_assert_int_eq(count("SELECT count(*) FROM dead_letters WHERE closed_at IS NULL"), 0);
}
END_TEST

/* Whoever writes down that it was replayed does so in the same transaction. */
START_TEST(replay__takes_part_in_the_callers_transaction)
{
    const char *id = accept();
    struct job_claim claimed = claim(id);
    const char *job = NULL;
    ck_assert(settle_as(&claimed, JOB_GIVE_UP, "exhausted"));
    const char *letter = only_letter();
    ck_assert_int_eq(db_begin(db, &err), E_OK);
    ck_assert_int_eq(letter_store_replay(db, arena, letter, owner, NULL, &job, &err), E_OK);
    db_rollback(db);
    assert_status(id, "Failed");
    ck_assert_str_eq(only_letter(), letter);
}
END_TEST

/* ---- the graph ------------------------------------------------------------------------------ */

static struct job_new child_of(const char *parent)
{
    struct job_new job = new_job();
    job.parent_id = parent;
    ck_assert_int_eq(job_store_accept(db, arena, &job, 1, &err), E_OK);
    return job;
}

static const struct job_node *graph(const char *id, size_t *n)
{
    const struct job_node *nodes = NULL;
    ck_assert_int_eq(job_store_graph(db, arena, id, &nodes, n, &err), E_OK);
    return nodes;
}

START_TEST(graph__is_the_same_from_wherever_it_is_asked_for)
{
    const char *root = accept();
    const char *first = child_of(root).job_id;
    const char *second = child_of(root).job_id;
    const char *deep = child_of(first).job_id;
    const char *const wanted[] = {root, first, deep, second};
    const int levels[] = {0, 1, 2, 1};
    accept(); /* of another request */
    for (size_t asked = 0; asked < 4; asked++)
    {
        size_t n = 0;
        const struct job_node *nodes = graph(wanted[asked], &n);
        ck_assert_uint_eq(n, 4);
        for (size_t i = 0; i < n; i++)
        {
            ck_assert_str_eq(nodes[i].job_id, wanted[i]);
            ck_assert_int_eq(nodes[i].level, levels[i]);
        }
        ck_assert_ptr_null(nodes[0].parent_id);
    }
}
END_TEST

START_TEST(graph__has_its_bounds)
{
    const char *id = accept();
    const char *leaf = id;
    const struct job_node *nodes = NULL;
    size_t n = 0;
    for (int i = 0; i < JOB_GRAPH_DEPTH + 5; i++)
        leaf = child_of(leaf).job_id;
    ck_assert_int_eq(graph(id, &n)[JOB_GRAPH_DEPTH - 1].level, JOB_GRAPH_DEPTH - 1);
    ck_assert_uint_eq(n, JOB_GRAPH_DEPTH);
    graph(leaf, &n);
    ck_assert_uint_eq(n, JOB_GRAPH_DEPTH);
    for (int i = 0; i < JOB_GRAPH_MAX + 10; i++)
        child_of(id);
    graph(id, &n);
    ck_assert_uint_eq(n, JOB_GRAPH_MAX);
    struct id none = id_new();
    ck_assert_int_eq(job_store_graph(db, arena, none.text, &nodes, &n, &err), E_NOT_FOUND);
}
END_TEST

START_TEST(graph__ends_where_parents_make_a_ring_or_belong_to_another)
{
    size_t n = 0;
    const char *one = accept();
    const char *two = child_of(one).job_id;
    struct job_new stranger = new_job();
    stranger.user_id = test_db_user(db, "eve");
    stranger.parent_id = one;
    ck_assert_int_eq(job_store_accept(db, arena, &stranger, 1, &err), E_OK);
    graph(one, &n);
    ck_assert_uint_eq(n, 2);
    test_db_exec(db, arena_printf(arena, "UPDATE jobs SET parent_id = '%s' WHERE job_id = '%s'", two, one));
    graph(one, &n);
    ck_assert_uint_eq(n, 2);
}
END_TEST

/* req: S121 */
START_TEST(bury_raw__keeps_the_bytes_and_the_reason)
{
    const char raw[] = "garbage \x01\xff";
    const struct job_raw_letter letter = {.subject = "sokoul.jobs.scout.noop",
                                          .reason = "poison",
                                          .detail = "not JSON",
                                          .raw = raw,
                                          .raw_len = sizeof raw - 1,
                                          .raw_size = 900 * 1024};
    const char *json = NULL;
    const char *job = NULL;
    ck_assert_int_eq(job_store_bury_raw(db, arena, &letter, &err), E_OK);
    const char *id = only_letter();
    ck_assert_int_eq(letter_store_get(db, arena, id, &json, &err), E_OK);
    ck_assert_ptr_nonnull(strstr(json, "\"raw_base64\":\"Z2FyYmFnZSAB/w==\""));
    ck_assert_ptr_nonnull(strstr(json, "\"raw_size\":921600"));
    ck_assert_int_eq(replay(id, NULL, &job), E_UNPROCESSABLE);
}
END_TEST

/* A crash after COMMIT and before the acknowledgement brings the message again. */
START_TEST(bury_raw__makes_one_letter_of_one_message)
{
    const int64_t seqs[] = {7, 7, 8, 0, 0};
    for (size_t i = 0; i < sizeof seqs / sizeof seqs[0]; i++)
    {
        const struct job_raw_letter letter = {.subject = "sokoul.jobs.scout.noop",
                                              .reason = "poison",
                                              .detail = "not JSON",
                                              .raw = "x",
                                              .raw_len = 1,
                                              .raw_size = 1,
                                              .seq = seqs[i],
                                              .stored_ms = 1700000000123};
        ck_assert_int_eq(job_store_bury_raw(db, arena, &letter, &err), E_OK);
    }
    ck_assert_int_eq(count("SELECT count(*) FROM dead_letters"), 4);
    ck_assert_int_eq(count("SELECT count(*) FROM outbox WHERE subject = 'sokoul.dlq.raw'"), 4);
    ck_assert_int_eq(count("SELECT count(*) FROM dead_letters WHERE id::text LIKE '018bcfe5-687b-7%'"), 2);
}
END_TEST

START_TEST(adopt__takes_an_envelope_that_nobody_accepted_once)
{
    const struct job_claimer claimer = {.worker_id = worker.text, .worker = "scout", .lease_ms = LEASE_MS};
    struct id id = id_new();
    struct envelope envelope = {.v = 1,
                                .job_id = id.text,
                                .kind = "noop",
                                .timestamp_ms = clock_wall_ms(),
                                .user_id = owner,
                                .request_id = "r",
                                .payload = "{\"a\":1}",
                                .run_at_ms = ENVELOPE_TIME_NONE,
                                .deadline_at_ms = ENVELOPE_TIME_NONE};
    struct job_claim claimed;
    bool adopted = false;
    ck_assert_int_eq(job_store_adopt(db, arena, &claimer, &envelope, &claimed, &adopted, &err), E_OK);
    ck_assert(adopted);
    ck_assert_str_eq(claimed.payload, "{\"a\": 1}");
    ck_assert_int_eq(job_store_adopt(db, arena, &claimer, &envelope, &claimed, &adopted, &err), E_OK);
    ck_assert(!adopted);
    struct id other = id_new();
    envelope.job_id = other.text;
    envelope.user_id = other.text;
    ck_assert_int_eq(job_store_adopt(db, arena, &claimer, &envelope, &claimed, &adopted, &err), E_NOT_FOUND);
}
END_TEST

START_TEST(history__tells_every_move_with_its_reason)
{
    const char *id = accept();
    struct job_claim claimed = claim(id);
    ck_assert(settle_as(&claimed, JOB_RETRY, "provider"));
    claimed = claim(id);
    ck_assert(settle_as(&claimed, JOB_FINISH, NULL));
    const struct json *doc = NULL;
    const char *text = column(id, "history");
    ck_assert_int_eq(json_parse(arena, text, strlen(text), &doc, &err), E_OK);
    static const char *const moves[] = {"Pending", "Running", "Pending", "Running", "Completed"};
    ck_assert_uint_eq(json_count(doc), 5);
    size_t i = 0;
    for (const struct json *step = json_first(doc); step != NULL; step = json_next(step), i++)
        ck_assert_str_eq(json_text(json_get(step, "status"), ""), moves[i]);
}
END_TEST

int main(void)
{
    if (!test_db_create())
        return EXIT_SUCCESS;
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
        {guard__lets_nobody_in_whose_claim_is_over, sizeof late_moves / sizeof late_moves[0]},
        {beat__tells_which_jobs_are_still_ours, 1},
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
        {take_back__leaves_the_living_alone, 1},
        {take_back__charges_a_job_that_was_alone, 1},
        {take_back__forgives_company_and_claims_each_alone_from_then_on, 1},
        {take_back__blames_the_newcomer_that_was_claimed_alone, 1},
        {take_back__gives_up_a_job_that_kills_its_workers, 1},
        {take_back__wants_a_lease_of_quiet_before_it_trusts_leases, 1},
        {sweep__never_republishes_a_backlog, 1},
        {sweep__wakes_what_the_stream_has_lost, 1},
        {sweep__wakes_everything_of_a_stream_that_is_gone, 1},
        {sweep__walks_the_table_in_steps, 1},
        {sweep__tells_again_of_a_running_job_that_no_claim_names, 1},
        {claims__go_when_their_jobs_have_ended, 1},
        {moves__stay_on_the_page, 1},
        {incarnation__changes_with_the_stream_and_when_it_is_set_back, 1},
        {replay__runs_the_same_job_again_and_closes_the_letter, 1},
        {replay__takes_part_in_the_callers_transaction, 1},
        {graph__is_the_same_from_wherever_it_is_asked_for, 1},
        {graph__has_its_bounds, 1},
        {graph__ends_where_parents_make_a_ring_or_belong_to_another, 1},
        {bury_raw__keeps_the_bytes_and_the_reason, 1},
        {bury_raw__makes_one_letter_of_one_message, 1},
        {adopt__takes_an_envelope_that_nobody_accepted_once, 1},
        {history__tells_every_move_with_its_reason, 1},
    };
    int status = suite_run_with("jobs", cases, sizeof cases / sizeof cases[0], setup, teardown);
    test_db_drop();
    return status;
}
