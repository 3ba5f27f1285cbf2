/* SPDX-License-Identifier: Apache-2.0 */
/* jobs_kit.h -- what the tests of a job's transactions share: a database with one user and one worker, and a
 * small language for the cases. Each test program includes it once. */
#ifndef SOKOUL_TESTS_JOBS_KIT_H
#define SOKOUL_TESTS_JOBS_KIT_H

#include "common/base/clock.h"
#include "common/base/id.h"
#include "common/job/envelope.h"
#include "common/json/json.h"
#include "common/store/jobs.h"
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

static inline void setup(void)
{
    arena = arena_new(1 << 22);
    db = test_db_open();
    test_db_exec(
        db,
        "TRUNCATE jobs, claims, job_results, job_history, outgoing, dead_letters, idempotency_keys, workers,"
        " relay_batches, users CASCADE");
    test_db_exec(db, "INSERT INTO users (id, username, email, password_hash, role)"
                     " VALUES ('" ID_SYSTEM_USER "', 'system', 'system@localhost', '!', 'system')");
    owner = test_db_user(db, "ada");
    worker = id_new();
}

static inline void teardown(void)
{
    test_db_close(db);
    arena_free(arena);
    db_pool_close(test_db_pool());
}

/* ---- a small language for the cases --------------------------------------------------------- */

static inline struct job_new new_job(void)
{
    struct id id = id_new();
    return (struct job_new){.job_id = arena_strdup(arena, id.text),
                            .kind = "noop",
                            .user_id = owner,
                            .request_id = "req-12345",
                            .payload = "{}",
                            .priority = JOB_NORMAL};
}

static inline const char *accept(void)
{
    struct job_new job = new_job();
    ck_assert_int_eq(job_store_accept(db, arena, &job, 1, &err), E_OK);
    return job.job_id;
}

static inline size_t claim_many(const char *const *ids, size_t n, struct job_claim **claims)
{
    const struct job_claimer claimer = {.worker_id = worker.text, .worker = "scout", .lease_ms = LEASE_MS};
    size_t count = 0;
    ck_assert_int_eq(job_store_claim(db, arena, &claimer, ids, n, claims, &count, &err), E_OK);
    return count;
}

static inline struct job_claim claim(const char *id)
{
    struct job_claim *claims = NULL;
    ck_assert_uint_eq(claim_many(&id, 1, &claims), 1);
    return claims[0];
}

static inline bool is_claimable(const char *id)
{
    struct job_claim *claims = NULL;
    return claim_many(&id, 1, &claims) == 1;
}

static inline bool settle_as(const struct job_claim *claimed, enum job_move move, const char *reason)
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

static inline const char *column(const char *id, const char *name)
{
    const char *json = NULL;
    const struct json *doc = NULL;
    ck_assert_int_eq(job_store_get(db, arena, id, NULL, &json, &err), E_OK);
    ck_assert_int_eq(json_parse(arena, json, strlen(json), &doc, &err), E_OK);
    const struct json *value = json_get(doc, name);
    const char *text = json_text(value, NULL);
    return text != NULL ? text : json_print(arena, value);
}

static inline int64_t count(const char *sql)
{
    return test_db_int(db, sql);
}

#define assert_status(id, status) ck_assert_str_eq(column((id), "status"), (status))

static inline const char *only_letter(void)
{
    const struct letter_filter filter = {.limit = 10};
    struct job_page page;
    const struct json *doc = NULL;
    ck_assert_int_eq(letter_store_list(db, arena, &filter, &page, &err), E_OK);
    ck_assert_int_eq(page.total, 1);
    ck_assert_int_eq(json_parse(arena, page.items, strlen(page.items), &doc, &err), E_OK);
    return json_text(json_get(json_first(doc), "id"), NULL);
}

static inline enum err_code replay(const char *letter, const char *payload, const char **job)
{
    ck_assert_int_eq(db_begin(db, &err), E_OK);
    enum err_code code = letter_store_replay(db, arena, letter, owner, payload, job, &err);
    if (code == E_OK)
        ck_assert_int_eq(db_commit(db, &err), E_OK);
    else
        db_rollback(db);
    return code;
}

#endif
