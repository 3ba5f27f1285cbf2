/* SPDX-License-Identifier: Apache-2.0 */
/* Dead letters, strangers' bytes, and what is told of a job, on a real Postgres. */
#include "tests/unit/common/store/jobs_kit.h"

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
    ck_assert_int_eq(count("SELECT count(*) FROM outgoing WHERE subject = 'sokoul.dlq.raw'"), 4);
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
    test_db_create();
    const struct suite_case cases[] = {
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
    int status = suite_run_with("letters", cases, sizeof cases / sizeof cases[0], setup, teardown);
    test_db_drop();
    return status;
}
