/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pure core and the SQL, side by side: random moves are made on a row of a real Postgres and
 * on a struct life; after each the two must tell the same.  Moves that one refuses the other must
 * refuse.  LIFE_SEED and LIFE_MOVES in the environment make other runs.
 */
#include "common/job/life.h"

#include "common/base/id.h"
#include "common/json/json.h"
#include "common/store/jobs.h"
#include "common/store/limits.h"
#include "tests/support/suite.h"
#include "tests/support/test_db.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
    MOVES = 1500,
    LEASE_MS = 40000,
    FOREVER_MS = 1000000 /* the pure core's clock is always past run_at: so is the row, by UPDATE */
};

struct pair
{
    struct db *db;
    struct arena *arena;
    struct err err;
    struct life life;
    struct id id;
    struct id worker;
    bool letter;
    int64_t letters; /* ever written */
    int64_t results;
    int64_t wakes; /* outbox rows of this job that were ever written */
};

static struct pair pair;
static uint64_t state;

static uint32_t draw(uint32_t limit)
{
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)(state >> 33) % limit;
}

static void setup(void)
{
    memset(&pair, 0, sizeof pair);
    pair.arena = arena_new(1 << 22);
    pair.db = test_db_open();
    pair.worker = id_new();
    const char *seed = getenv("LIFE_SEED");
    state = seed != NULL ? strtoull(seed, NULL, 10) : 7;
}

static void teardown(void)
{
    test_db_close(pair.db);
    arena_free(pair.arena);
    db_pool_close(test_db_pool());
}

static void note(struct life_effects effects)
{
    pair.wakes += effects.wake;
    pair.results += effects.result;
    pair.letters += effects.letter;
    pair.letter = (pair.letter || effects.letter) && !effects.closed;
}

/* ---- the moves: each on both sides, answering whether both agreed -------------------------------- */

static bool do_accept(void)
{
    const struct job_new job = {
        .job_id = pair.id.text, .kind = "noop", .user_id = ID_SYSTEM_USER, .payload = "{}"};
    enum err_code code = job_store_accept(pair.db, pair.arena, &job, 1, &pair.err);
    struct life_effects effects = life_accept(&pair.life, 0, 0);
    note(effects);
    return (code == E_OK) == effects.moved && (code == E_OK || code == E_CONFLICT);
}

static bool do_claim(void)
{
    const struct job_claimer claimer = {
        .worker_id = pair.worker.text, .worker = "scout", .lease_ms = LEASE_MS};
    struct id other = id_new();
    const char *ids[] = {pair.id.text, other.text};
    size_t company = draw(2);
    struct job_claim *claims = NULL;
    size_t count = 0;
    enum err_code code =
        job_store_claim(pair.db, pair.arena, &claimer, ids, 1 + company, &claims, &count, &pair.err);
    int64_t tick = count == 1 ? claims[0].fence : 0;
    bool greater = count == 0 || tick > pair.life.fence;
    struct life_effects effects =
        life_claim(&pair.life, company ? SETTLE_SHARED : SETTLE_ISOLATED, tick, FOREVER_MS, LEASE_MS);
    return code == E_OK && greater && (count == 1) == effects.moved;
}

/* The kind has no place at all meanwhile. */
static bool do_wait(void)
{
    const struct job_limit limit = {"noop", 0, JOB_LIMIT_NONE};
    const struct job_claimer claimer = {
        .worker_id = pair.worker.text, .worker = "scout", .lease_ms = LEASE_MS};
    const char *ids[] = {pair.id.text};
    struct job_claim *claims = NULL;
    size_t count = 0;
    if (job_limit_put(pair.db, pair.arena, &limit, &pair.err) != E_OK)
        return false;
    if (pair.life.place == LIFE_CALLED) /* a new limit keeps no promises */
        pair.life.place = LIFE_NO_PLACE;
    enum err_code code =
        job_store_claim_limited(pair.db, pair.arena, &claimer, ids, 1, &claims, &count, &pair.err);
    if (code == E_OK)
        code = job_limit_remove(pair.db, "noop", &pair.err);
    (void)life_wait(&pair.life, FOREVER_MS);
    return code == E_OK && count == 0;
}

static bool do_call(void)
{
    const struct job_limit limit = {"noop", 1, JOB_LIMIT_NONE};
    const char *kinds[] = {"noop"};
    int64_t called = 0;
    if (job_limit_put(pair.db, pair.arena, &limit, &pair.err) != E_OK)
        return false;
    if (pair.life.place == LIFE_CALLED)
        pair.life.place = LIFE_NO_PLACE;
    enum err_code code = job_limit_admit(pair.db, pair.arena, kinds, 1, &called, &pair.err);
    if (code == E_OK)
        code = job_limit_remove(pair.db, "noop", &pair.err);
    struct life_effects effects = life_call(&pair.life, FOREVER_MS);
    note(effects);
    return code == E_OK && (called == 1) == effects.moved;
}

/* Sometimes by one whose claim is over. */
static bool do_settle(void)
{
    static const enum err_code codes[] = {E_OK, E_PROVIDER, E_PROVIDER, E_PROVIDER, E_NOT_FOUND, E_SHUTDOWN};
    enum err_code outcome = codes[draw(6)];
    int64_t fence = draw(4) == 0 ? pair.life.fence - 1 : pair.life.fence;
    const struct settle_verdict verdict = settle(outcome, 0, pair.life.attempts, 0);
    const struct job_end end = {.job_id = pair.id.text,
                                .fence = fence,
                                .move = verdict.move,
                                .delay_ms = verdict.delay_ms,
                                .reason = verdict.reason != NULL ? verdict.reason : err_reason(outcome)};
    bool mine = false;
    enum err_code code = job_store_settle(pair.db, pair.arena, &end, 1, &mine, &pair.err);
    struct life_effects effects = life_settle(&pair.life, fence, outcome, 0, 0, 0);
    note(effects);
    return code == E_OK && mine == effects.moved;
}

static bool do_beat(void)
{
    struct job_beat beat = {.job_id = pair.id.text, .fence = pair.life.fence};
    bool mine = false;
    enum err_code code = job_store_beat(pair.db, pair.arena, LEASE_MS, &beat, 1, &mine, &pair.err);
    return code == E_OK && mine == life_beat(&pair.life, pair.life.fence, 0, LEASE_MS).moved;
}

static bool do_take_back(void)
{
    int64_t moved = 0;
    test_db_exec(pair.db, "DELETE FROM workers");
    if (worker_store_register(pair.db, pair.worker.text, "scout", "here", &pair.err) != E_OK)
        return false;
    test_db_exec(pair.db, "UPDATE workers SET backend_pid = 1, missing_since = now() - interval '1 s'");
    enum err_code code = job_store_take_back(pair.db, pair.arena, LEASE_MS, &moved, &pair.err);
    struct life_effects effects = life_take_back(&pair.life, SETTLE_ISOLATED, 0);
    note(effects);
    return code == E_OK && (moved == 1) == effects.moved;
}

static bool do_cancel(void)
{
    enum err_code code = job_store_cancel(pair.db, pair.arena, pair.id.text, NULL, &pair.err);
    return (code == E_OK) == life_cancel(&pair.life).moved;
}

static bool do_replay(void)
{
    const struct letter_filter filter = {.limit = 1};
    struct job_page page;
    const struct json *doc = NULL;
    const char *job = NULL;
    if (letter_store_list(pair.db, pair.arena, &filter, &page, &pair.err) != E_OK ||
        json_parse(pair.arena, page.items, strlen(page.items), &doc, &pair.err) != E_OK)
        return false;
    const char *letter = json_text(json_get(json_first(doc), "id"), NULL);
    if ((letter != NULL) != pair.letter)
        return false;
    if (letter == NULL)
        return true;
    enum err_code code = db_begin(pair.db, &pair.err);
    if (code == E_OK)
        code = letter_store_replay(pair.db, pair.arena, letter, ID_SYSTEM_USER, NULL, &job, &pair.err);
    if (code == E_OK)
        code = db_commit(pair.db, &pair.err);
    else
        db_rollback(pair.db);
    struct life_effects effects = life_replay(&pair.life, pair.letter, 0);
    note(effects);
    return (code == E_OK) == effects.moved;
}

static bool do_sweep(void)
{
    const struct job_consumer scout = {.worker = "scout", .priority = JOB_NORMAL};
    const struct job_stream stream = {
        .stream = "gone", .ack_wait_ms = 30000, .consumers = &scout, .count = 1};
    struct job_scan step = {.woken = 0};
    test_db_exec(pair.db, "DELETE FROM outgoing");
    enum err_code code = job_store_scan(pair.db, pair.arena, &stream, &step, &pair.err);
    struct life_effects effects = life_sweep(&pair.life, FOREVER_MS);
    note(effects);
    return code == E_OK && (step.woken == 1) == effects.moved;
}

static bool (*const moves[])(void) = {do_accept, do_claim,     do_claim,  do_settle, do_settle, do_beat,
                                      do_cancel, do_take_back, do_replay, do_sweep,  do_wait,   do_call};
static const char *const names[] = {"accept", "claim",     "claim",  "settle", "settle", "beat",
                                    "cancel", "take_back", "replay", "sweep",  "wait",   "call"};

/* ---- both must tell the same ---------------------------------------------------------------- */

static const struct db_stmt look_stmt = {
    "life_look",
    "SELECT coalesce(max(array_position(ARRAY['Pending', 'Running', 'Completed', 'Failed'], status)), 0),"
    " coalesce(max(attempts), 0), coalesce(max(fence), 0), coalesce(max(epoch), 0), "
    "coalesce(max(alone::int), 0),"
    " coalesce(max((reason = 'exhausted')::int), 0), (SELECT count(*) FROM job_results),"
    " (SELECT count(*) FROM dead_letters), (SELECT count(*) FROM dead_letters WHERE closed_at IS NULL),"
    " coalesce(max(CASE WHEN status = 'Pending' THEN array_position(ARRAY['waits', 'called'], place) END), 0)"
    " FROM jobs WHERE job_id = $1",
    1};

static void compare(const char *name, int step)
{
    static const char *const columns[] = {"status",    "attempts", "fence",   "epoch",        "alone",
                                          "exhausted", "results",  "letters", "open letters", "place"};
    bool exhausted = pair.life.reason != NULL && strcmp(pair.life.reason, "exhausted") == 0;
    const int64_t want[] = {pair.life.status, pair.life.attempts, pair.life.fence, pair.life.epoch,
                            pair.life.alone,  exhausted,          pair.results,    pair.letters,
                            pair.letter,      pair.life.place};
    const char *params[] = {pair.id.text};
    struct db_rows *rows = NULL;
    ck_assert_int_eq(db_run(pair.db, &look_stmt, params, &rows, &pair.err), E_OK);
    for (int i = 0; i < (int)(sizeof columns / sizeof columns[0]); i++)
        ck_assert_msg(db_int(rows, 0, i, -1) == want[i],
                      "after move %d (%s) %s is %lld in the row, %lld in the core", step, name, columns[i],
                      (long long)db_int(rows, 0, i, -1), (long long)want[i]);
    db_rows_free(rows);
}

static void start_over(void)
{
    test_db_exec(pair.db,
                 "TRUNCATE jobs, claims, job_results, job_history, outgoing, dead_letters, workers CASCADE");
    pair.life = (struct life){0};
    pair.letter = false;
    pair.letters = pair.results = pair.wakes = 0;
    pair.id = id_new();
}

START_TEST(life__is_the_same_in_the_core_and_in_the_database)
{
    const char *wish = getenv("LIFE_MOVES");
    int count = wish != NULL ? (int)strtol(wish, NULL, 10) : MOVES;
    start_over();
    for (int step = 0; step < count; step++)
    {
        size_t at = draw(sizeof moves / sizeof moves[0]);
        ck_assert_msg(moves[at](), "move %d: core and database disagree about %s (%s)", step, names[at],
                      pair.err.text);
        compare(names[at], step);
        test_db_exec(pair.db,
                     "UPDATE jobs SET run_at = now() - interval '1 minute' WHERE status = 'Pending'");
        if (job_is_over(pair.life.status) && !pair.letter && draw(3) == 0)
            start_over();
        arena_reset(pair.arena);
    }
}
END_TEST

int main(void)
{
    test_db_create();
    const struct suite_case cases[] = {{life__is_the_same_in_the_core_and_in_the_database, 1}};
    int status = suite_run_with("life", cases, 1, setup, teardown);
    test_db_drop();
    return status;
}
