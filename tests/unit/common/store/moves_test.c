/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lawful moves of common/job/job.c against what the statements of common/store do: each statement that
 * writes a job's status, or makes it claimable, on a job in each status, on a real Postgres.
 * tests/integration/test_moves.py finds statements that are missing here.
 */
#include "tests/unit/common/store/jobs_kit.h"

#include "common/store/limits.h"

#define JOB_ID "01900000-0000-7000-8000-000000000001"
#define WORKER_ID "01900000-0000-7000-8000-0000000000aa"
#define LETTER_ID "01900000-0000-7000-8000-0000000000bb"

static const char *const names[JOB_MOVES] = {
    [JOB_ACCEPT] = "accept", [JOB_CLAIM] = "claim",         [JOB_ADOPT] = "adopt",
    [JOB_FINISH] = "finish", [JOB_RETRY] = "retry",         [JOB_GIVE_UP] = "give_up",
    [JOB_FAIL] = "fail",     [JOB_HAND_BACK] = "hand_back", [JOB_TAKE_BACK] = "take_back",
    [JOB_CANCEL] = "cancel", [JOB_REPLAY] = "replay",       [JOB_WAKE] = "wake"};

enum
{
    FENCE = 5,
    EPOCH = 3,
    STATUSES = JOB_FAILED + 1,
    MANY = 300
};

struct way
{
    const char *stmt;       /* its name in the sources */
    enum job_move moves[2]; /* JOB_MOVES: none */
    void (*attempt)(const struct way *way);
    const char *prepare; /* SQL, once the job's row is there; or NULL */
};

static const struct job_claimer claimer = {.worker_id = WORKER_ID, .worker = "scout", .lease_ms = LEASE_MS};
static const char *const ids[] = {JOB_ID};
static struct job_claim *claims;
static size_t claimed;

/* Whether a move was refused shows in the row; some functions answer it with a failure. */
static void expect(enum err_code code)
{
    ck_assert_msg(code == E_OK || code == E_CONFLICT || code == E_NOT_FOUND, "%s", err.text);
}

/* ---- accepting ------------------------------------------------------------------------------ */

static struct job_new the_job(void)
{
    struct job_new job = new_job();
    job.job_id = JOB_ID;
    return job;
}

static void accept_one(const struct way *way)
{
    const struct job_new job = the_job();
    (void)way;
    expect(job_store_accept(db, arena, &job, 1, &err));
}

static void accept_two(const struct way *way)
{
    const struct job_new two[] = {the_job(), new_job()};
    (void)way;
    expect(job_store_accept(db, arena, two, 2, &err));
}

static void accept_windowed(const struct way *way)
{
    struct job_new job = the_job();
    (void)way;
    job.unique_key = "key";
    job.unique_s = 60;
    expect(job_store_accept(db, arena, &job, 1, &err));
}

static void accept_alike(const struct way *way)
{
    struct job_new many[MANY];
    (void)way;
    for (size_t i = 0; i < MANY; i++)
        many[i] = i == 0 ? the_job() : new_job();
    expect(job_store_accept_telling(db, arena, many, MANY, &err));
}

static void hand_off(const struct way *way)
{
    const struct job_new job = the_job();
    struct job_recipient recipient = {.lease_ms = LEASE_MS};
    struct just_committed committed;
    (void)way;
    snprintf(recipient.worker_id.text, sizeof recipient.worker_id.text, "%s", WORKER_ID);
    expect(job_store_hand_off(db, arena, &job, &recipient, &committed, &err));
}

/* ---- claiming ------------------------------------------------------------------------------- */

static void claim_it(const struct way *way)
{
    (void)way;
    expect(job_store_claim(db, arena, &claimer, ids, 1, &claims, &claimed, &err));
}

static void claim_limited(const struct way *way)
{
    (void)way;
    expect(job_store_claim_limited(db, arena, &claimer, ids, 1, &claims, &claimed, &err));
}

static void claim_local(const struct way *way)
{
    const struct job_local ask = {.subjects = "sokoul.jobs.scout.%", .max = 10, .max_first = 10};
    struct job_claims got = {.count = 0};
    (void)way;
    expect(job_store_claim_local(db, arena, &claimer, &ask, &got, &err));
}

static void adopt(const struct way *way)
{
    const struct envelope envelope = {.v = 1,
                                      .job_id = JOB_ID,
                                      .kind = "noop",
                                      .user_id = owner,
                                      .request_id = "req-12345",
                                      .payload = "{}",
                                      .run_at_ms = ENVELOPE_TIME_NONE,
                                      .deadline_at_ms = ENVELOPE_TIME_NONE};
    struct job_claim claim;
    bool adopted = false;
    (void)way;
    expect(job_store_adopt(db, arena, &claimer, &envelope, &claim, &adopted, &err));
}

/* ---- ending --------------------------------------------------------------------------------- */

static void settle_it(const struct way *way)
{
    const struct job_end end = {
        .job_id = JOB_ID, .fence = FENCE, .move = way->moves[0], .reason = "exhausted", .detail = "Because"};
    bool mine = false;
    expect(job_store_settle(db, arena, &end, 1, &mine, &err));
}

static void cancel(const struct way *way)
{
    (void)way;
    expect(job_store_cancel(db, arena, JOB_ID, NULL, &err));
}

static void replay_it(const struct way *way)
{
    const char *job = NULL;
    (void)way;
    expect(replay(LETTER_ID, NULL, &job));
}

/* ---- healing -------------------------------------------------------------------------------- */

static void take_back(const struct way *way)
{
    int64_t moved = 0;
    (void)way;
    expect(job_store_take_back(db, arena, LEASE_MS, &moved, &err));
}

static void scan(const struct way *way)
{
    const struct job_consumer scout = {.worker = "scout", .priority = JOB_NORMAL};
    const struct job_stream stream = {
        .stream = "gone", .ack_wait_ms = 30000, .consumers = &scout, .count = 1};
    struct job_scan step = {.woken = 0};
    (void)way;
    expect(job_store_scan(db, arena, &stream, &step, &err));
}

static void admit(const struct way *way)
{
    const char *kinds[] = {"noop"};
    int64_t admitted = 0;
    (void)way;
    expect(job_limit_admit(db, arena, kinds, 1, &admitted, &err));
}

static void admit_all(const struct way *way)
{
    int64_t admitted = 0;
    (void)way;
    expect(job_limit_admit_all(db, arena, &admitted, &err));
}

#define LIMIT "INSERT INTO job_limits (kind, max_running) VALUES ('noop', 5);"
#define QUEUED "UPDATE jobs SET place = 'waits';"
#define ALIVE                                                                                                \
    "INSERT INTO workers (id, worker, node, server_start, backend_pid, backend_start) SELECT '" WORKER_ID    \
    "', 'scout', 'here', pg_postmaster_start_time(), pid, backend_start FROM pg_stat_activity"               \
    " WHERE pid = pg_backend_pid();"
#define DEAD                                                                                                 \
    ALIVE "UPDATE workers SET backend_pid = 1, missing_since = clock_timestamp() - interval '1 s';"          \
          "INSERT INTO claims (worker_id, job_ids) VALUES ('" WORKER_ID "', ARRAY['" JOB_ID "'::uuid]);"
#define LETTER                                                                                               \
    "INSERT INTO dead_letters (id, job_id, kind, subject, reason, detail, errors) SELECT '" LETTER_ID        \
    "', job_id, 'noop', 'sokoul.jobs.scout.noop', 'exhausted', '', '[]' FROM jobs;"
#define ROW                                                                                                  \
    "INSERT INTO outgoing (id, job_ids, epoch, subject, run_at) SELECT wake, ARRAY[job_id], epoch,"          \
    " 'sokoul.jobs.scout.noop', run_at FROM jobs;"
#define SHARED                                                                                               \
    "INSERT INTO outgoing (id, part, job_ids, epoch, subject, run_at) SELECT wake, 1, ARRAY[job_id], epoch," \
    " 'sokoul.jobs.scout.noop', run_at FROM jobs;"

static const struct way ways[] = {
    {"job_accept_one", {JOB_ACCEPT, JOB_MOVES}, accept_one, NULL},
    {"job_accept", {JOB_ACCEPT, JOB_MOVES}, accept_two, NULL},
    {"job_accept_windows", {JOB_ACCEPT, JOB_MOVES}, accept_windowed, NULL},
    {"job_accept_alike", {JOB_ACCEPT, JOB_MOVES}, accept_alike, NULL},
    {"job_accept_one", {JOB_ACCEPT, JOB_CLAIM}, hand_off, ALIVE},
    {"job_claim", {JOB_CLAIM, JOB_MOVES}, claim_it, NULL},
    {"job_claim_limited", {JOB_CLAIM, JOB_MOVES}, claim_limited, LIMIT},
    {"job_claim_local", {JOB_CLAIM, JOB_MOVES}, claim_local, ROW},
    {"job_claim_local", {JOB_CLAIM, JOB_MOVES}, claim_local, SHARED},
    {"job_adopt", {JOB_ADOPT, JOB_MOVES}, adopt, NULL},
    {"job_finish", {JOB_FINISH, JOB_MOVES}, settle_it, NULL},
    {"job_fail", {JOB_FAIL, JOB_MOVES}, settle_it, NULL},
    {"job_fail", {JOB_GIVE_UP, JOB_MOVES}, settle_it, NULL},
    {"job_again", {JOB_RETRY, JOB_MOVES}, settle_it, NULL},
    {"job_again", {JOB_HAND_BACK, JOB_MOVES}, settle_it, NULL},
    {"job_again", {JOB_TAKE_BACK, JOB_MOVES}, take_back, DEAD},
    {"job_fail", {JOB_GIVE_UP, JOB_MOVES}, take_back, DEAD "UPDATE jobs SET attempts = 4;"},
    {"job_cancel", {JOB_CANCEL, JOB_MOVES}, cancel, NULL},
    {"letter_replay", {JOB_REPLAY, JOB_MOVES}, replay_it, LETTER},
    {"job_scan", {JOB_WAKE, JOB_MOVES}, scan, NULL},
    {"job_limit_call", {JOB_WAKE, JOB_MOVES}, admit, LIMIT QUEUED},
    {"job_limit_release", {JOB_WAKE, JOB_MOVES}, admit_all, QUEUED},
    {"job_resume", {JOB_WAKE, JOB_MOVES}, admit_all, "UPDATE jobs SET place = 'paused';"},
};
enum
{
    WAYS = sizeof ways / sizeof ways[0]
};

/* ---- the walk ------------------------------------------------------------------------------- */

static void make_job(enum job_status status)
{
    if (status == JOB_NOTHING)
        return;
    test_db_exec(db,
                 arena_printf(arena,
                              "INSERT INTO jobs (job_id, kind, worker, user_id, status, reason, attempts,"
                              " fence, epoch, wake, worker_id, lease_until, run_at) SELECT '" JOB_ID
                              "', 'noop', 'scout', '%s', '%s', CASE '%s' WHEN 'Failed' THEN 'exhausted' END,"
                              " 1, %d, %d, nextval('outbox_id_seq'), '" WORKER_ID
                              "', now() + interval '1 minute', now() - interval '1 minute'",
                              owner, job_status_name(status), job_status_name(status), FENCE, EPOCH));
}

static int64_t number_of(const char *what)
{
    return count(
        arena_printf(arena, "SELECT coalesce((SELECT %s FROM jobs WHERE job_id = '" JOB_ID "'), 0)", what));
}

static enum job_status status_now(void)
{
    return (enum job_status)number_of(
        "array_position(ARRAY['Pending', 'Running', 'Completed', 'Failed'], status)");
}

/* Where the way leads from there; false: it is not lawful. */
static bool leads_to(const struct way *way, enum job_status from, enum job_status *to)
{
    *to = from;
    for (size_t i = 0; i < 2 && way->moves[i] != JOB_MOVES; i++)
        if (!job_move_to(*to, way->moves[i], to))
            return false;
    return true;
}

static void run_sql(const char *script)
{
    ck_assert_msg(db_script(db, script, &err) == E_OK, "%s", err.text);
}

START_TEST(statement__does_what_the_table_of_moves_says)
{
    const struct way *way = &ways[_i / STATUSES];
    const enum job_status from = (enum job_status)(_i % STATUSES);
    enum job_status to = from;
    const bool lawful = leads_to(way, from, &to);
    const char *move = names[way->moves[0]];
    run_sql("TRUNCATE job_limits, job_windows");
    make_job(from);
    if (way->prepare != NULL)
        run_sql(way->prepare);
    way->attempt(way);
    ck_assert_msg(status_now() == (lawful ? to : from), "%s (%s) of a job that is \"%s\" makes it \"%s\"",
                  way->stmt, move, job_status_name(from), job_status_name(status_now()));
    const bool woken = lawful && (from == JOB_NOTHING || to == JOB_PENDING); /* adoption came by a message */
    const int64_t before = from == JOB_NOTHING ? 0 : EPOCH;
    const int64_t after = woken ? before + 1 : before;
    ck_assert_msg(number_of("epoch") == after, "%s (%s) of a job that is \"%s\" makes wake-up %lld, not %lld",
                  way->stmt, move, job_status_name(from), (long long)number_of("epoch"), (long long)after);
    ck_assert_msg(
        !lawful || count(arena_printf(arena, "SELECT count(*) FROM pg_prepared_statements WHERE name = '%s'",
                                      way->stmt)) == 1,
        "%s was not what moved the job", way->stmt);
}
END_TEST

/* What the table says that no statement does would be a promise to nobody. */
START_TEST(moves__each_has_a_statement)
{
    for (int move = 0; move < JOB_MOVES; move++)
    {
        size_t found = 0;
        for (size_t i = 0; i < WAYS; i++)
            found += ways[i].moves[0] == (enum job_move)move;
        ck_assert_msg(found > 0, "no statement does \"%s\"", names[move]);
    }
}
END_TEST

int main(void)
{
    test_db_create();
    const struct suite_case cases[] = {{statement__does_what_the_table_of_moves_says, WAYS * STATUSES},
                                       {moves__each_has_a_statement, 1}};
    int status = suite_run_with("moves", cases, sizeof cases / sizeof cases[0], setup, teardown);
    test_db_drop();
    return status;
}
