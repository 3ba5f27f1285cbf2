/* SPDX-License-Identifier: Apache-2.0 */
/* The chain that seals the audit trail, on a real PostgreSQL, against somebody with every right. */
#include "common/store/seals.h"

#include "common/store/audit.h"
#include "tests/support/suite.h"
#include "tests/support/test_db.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
    ENTRIES = 200,
    ALTERATIONS = 100 /* SEAL_ALTERATIONS says another number */
};

static struct db *db;
static struct arena *arena;
static struct err err;

/* Entries of some days, the youngest a quarter of an hour old. */
static void setup(void)
{
    int64_t sealed = 0;
    arena = arena_new(1 << 26);
    db = test_db_open();
    test_db_exec(db, "SET session_replication_role = replica; TRUNCATE logs, log_seals; "
                     "RESET session_replication_role; UPDATE log_chain SET first_seq = 1, first_before = '', "
                     "last_seq = 0, last_hash = '', newest = '-infinity', copied_seq = 0");
    test_db_exec(
        db, "INSERT INTO logs (id, at, user_id, ip, action, subject, request_id, detail) SELECT "
            "gen_random_uuid(), now() - (n + 1) * interval '15 minutes', gen_random_uuid(), '10.0.0.' || n, "
            "(ARRAY['login', 'login_failed', 'user_deleted'])[1 + n % 3], 'subject ' || n, 'r' || n, "
            "json_build_object('n', n)::jsonb FROM generate_series(0, 199) n");
    ck_assert_int_eq(seal_store_run(db, 150, &sealed, &err), E_OK);
    ck_assert_int_eq(sealed, 150);
    ck_assert_int_eq(seal_store_run(db, 1000, &sealed, &err), E_OK);
    ck_assert_int_eq(sealed, ENTRIES - 150);
}

static void teardown(void)
{
    test_db_close(db);
    arena_free(arena);
}

static struct seal_verdict verify(void)
{
    struct seal_verdict verdict;
    ck_assert_msg(seal_store_verify(db, arena, &verdict, &err) == E_OK, "%s", err.text);
    return verdict;
}

/* part: S190 */
START_TEST(seals__hold_an_untouched_trail_together)
{
    int64_t sealed = 0;
    struct seal_verdict verdict = verify();
    ck_assert_ptr_null(verdict.problem);
    ck_assert_int_eq(verdict.sealed, ENTRIES);
    ck_assert_int_eq(verdict.unsealed, 0);
    const char *end = verdict.end;
    const struct audit_entry entry = {.action = "login", .ip = "::1", .detail = "{\"a\":1}"};
    ck_assert_int_eq(audit_store_add(db, &entry, &err), E_OK);
    verdict = verify();
    ck_assert_ptr_null(verdict.problem);
    ck_assert_int_eq(verdict.unsealed, 1);
    ck_assert_int_eq(seal_store_run(db, 1000, &sealed, &err), E_OK);
    verdict = verify();
    ck_assert_ptr_null(verdict.problem);
    ck_assert_int_eq(verdict.sealed, ENTRIES + 1);
    ck_assert_str_ne(verdict.end, end);
}
END_TEST

/* $ is the entry's id, # the number of its seal. */
static const char *const alterations[] = {
    "UPDATE logs SET id = gen_random_uuid() WHERE id = '$'",
    "UPDATE logs SET at = at + interval '1 microsecond' WHERE id = '$'",
    "UPDATE logs SET at = at - interval '3 days' WHERE id = '$'",
    "UPDATE logs SET at = now() WHERE id = '$'",
    "UPDATE logs SET user_id = gen_random_uuid() WHERE id = '$'",
    "UPDATE logs SET user_id = NULL WHERE id = '$'",
    "UPDATE logs SET ip = '127.0.0.1' WHERE id = '$'",
    "UPDATE logs SET ip = NULL WHERE id = '$'",
    "UPDATE logs SET action = 'logout' WHERE id = '$'",
    "UPDATE logs SET subject = NULL WHERE id = '$'",
    "UPDATE logs SET subject = request_id, request_id = subject WHERE id = '$'",
    "UPDATE logs SET request_id = '' WHERE id = '$'",
    "UPDATE logs SET detail = '{}' WHERE id = '$'",
    "UPDATE logs SET detail = detail || '{\"n\":-1}' WHERE id = '$'",
    "DELETE FROM logs WHERE id = '$'",
    "INSERT INTO logs SELECT * FROM logs WHERE id = '$'",
    "INSERT INTO logs SELECT '$', at + interval '1 minute', user_id, ip, action FROM logs WHERE id = '$'",
    "UPDATE log_seals SET row_hash = sha256(row_hash) WHERE seq = #",
    "UPDATE log_seals SET hash = sha256(hash) WHERE seq = #",
    "UPDATE log_seals SET at = at + interval '1 second' WHERE seq = #",
    "UPDATE log_seals SET action = 'x' WHERE seq = #",
    "UPDATE log_seals SET log_id = gen_random_uuid() WHERE seq = #",
    "UPDATE log_seals SET seq = -seq WHERE seq = #",
    "DELETE FROM log_seals WHERE seq = #",
    "DELETE FROM log_seals WHERE seq = #; DELETE FROM logs WHERE id = '$'",
    /* by somebody who knows how it is made */
    "UPDATE logs SET ip = 'x' WHERE id = '$'; "
    "UPDATE log_seals s SET row_hash = (SELECT log_hash(l) FROM logs l WHERE id = '$') WHERE seq = #",
    "UPDATE logs SET ip = 'x' WHERE id = '$'; "
    "UPDATE log_seals s SET row_hash = (SELECT log_hash(l) FROM logs l WHERE id = '$') WHERE seq = #; "
    "UPDATE log_seals s SET hash = log_seal_hash(coalesce((SELECT hash FROM log_seals WHERE seq = # - 1), "
    "''), s) "
    "WHERE seq = #",
};

static const char *fill(const char *form, const char *id, int64_t seq)
{
    const char *text = "";
    for (const char *at = form; *at != '\0'; at++)
        text = *at == '$'   ? arena_printf(arena, "%s%s", text, id)
               : *at == '#' ? arena_printf(arena, "%s%lld", text, (long long)seq)
                            : arena_printf(arena, "%s%c", text, *at);
    return text;
}

static void alter_and_find(const char *form, int64_t seq)
{
    static const struct db_stmt find = {"t_seal_find", "SELECT log_id FROM log_seals WHERE seq = $1::bigint",
                                        1};
    const char *params[] = {db_param_int(arena, seq)};
    struct db_rows *rows = NULL;
    ck_assert_int_eq(db_run(db, &find, params, &rows, &err), E_OK);
    const char *id = arena_strdup(arena, db_text(rows, 0, 0));
    db_rows_free(rows);
    ck_assert_int_eq(db_begin(db, &err), E_OK);
    test_db_exec(db, "SET LOCAL session_replication_role = replica");
    test_db_exec(db, fill(form, id, seq));
    const struct seal_verdict verdict = verify();
    ck_assert_msg(verdict.problem != NULL, "unseen: %s at %lld", form, (long long)seq);
    const bool is_near = verdict.seq >= seq && verdict.seq <= seq + 1;
    ck_assert_msg(
        is_near || (verdict.log_id != NULL && strcmp(verdict.log_id, id) == 0) || verdict.seq == -seq,
        "%s: %s at %lld, found at %lld", form, verdict.problem, (long long)seq, (long long)verdict.seq);
    db_rollback(db);
    arena_reset(arena);
}

/* req: S190 */
START_TEST(seals__locate_every_alteration)
{
    const char *wanted = getenv("SEAL_ALTERATIONS");
    const int times = wanted != NULL ? atoi(wanted) : ALTERATIONS;
    const size_t kinds = sizeof alterations / sizeof alterations[0];
    unsigned seed = 20261129;
    for (int i = 0; i < times; i++)
    {
        seed = seed * 1103515245U + 12345U;
        alter_and_find(alterations[(size_t)i % kinds], 1 + (int64_t)(seed >> 8) % ENTRIES);
    }
    for (size_t kind = 0; kind < kinds; kind++)
    {
        alter_and_find(alterations[kind], 1);
        alter_and_find(alterations[kind], ENTRIES);
    }
    ck_assert_ptr_null(verify().problem);
}
END_TEST

static const struct
{
    const char *sql;
    const char *problem;
} whole[] = {
    {"INSERT INTO logs (id, at, action) VALUES (gen_random_uuid(), now() - interval '1 day', 'login')",
     "the entry was put in later"},
    {"INSERT INTO logs (id, at, action) VALUES (gen_random_uuid(), now() + interval '1 hour', 'login')",
     "the entry was put in later"},
    {"UPDATE log_chain SET last_hash = sha256(last_hash)", "the end of the chain is missing"},
    {"UPDATE log_chain SET last_seq = last_seq + 1", "the end of the chain is missing"},
    {"DELETE FROM log_seals WHERE seq = 200; DELETE FROM logs WHERE action IS NOT NULL",
     "the entry is missing, or its time was altered"},
    {"DELETE FROM log_seals; DELETE FROM logs", "the end of the chain is missing"},
    {"DELETE FROM log_seals WHERE seq < 100", "seals before this one are missing"},
    {"DELETE FROM log_chain", "the chain is missing"},
    {"UPDATE log_seals SET hash = sha256('')", "the seal was altered"},
};

/* part: S190 */
START_TEST(seals__miss_no_end_and_no_whole)
{
    int64_t sealed = 0;
    ck_assert_int_eq(db_begin(db, &err), E_OK);
    test_db_exec(db, "SET LOCAL session_replication_role = replica");
    test_db_exec(db, whole[_i].sql);
    if (strstr(whole[_i].sql, "INSERT") != NULL) /* what comes late is never sealed */
        ck_assert_int_eq(seal_store_run(db, 1000, &sealed, &err), E_OK);
    ck_assert_int_eq(sealed, 0);
    const struct seal_verdict verdict = verify();
    ck_assert_msg(verdict.problem != NULL, "%s", whole[_i].sql);
    if (_i != 6) /* their entries are found first: they have no seal any more */
        ck_assert_str_eq(verdict.problem, whole[_i].problem);
    db_rollback(db);
}
END_TEST

START_TEST(seals__let_retention_remove_what_is_old)
{
    static const struct db_stmt retire = {"t_retire", "SELECT logs_retire(1000)", 0};
    int64_t sealed = 0;
    test_db_exec(db, "SET session_replication_role = replica; TRUNCATE logs, log_seals; "
                     "RESET session_replication_role; UPDATE log_chain SET first_seq = 1, first_before = '', "
                     "last_seq = 0, last_hash = '', newest = '-infinity'");
    test_db_exec(
        db, "INSERT INTO logs (id, at, action) SELECT gen_random_uuid(), now() - n * interval '10 days', "
            "CASE WHEN n % 2 = 0 THEN 'login' ELSE 'login_failed' END FROM generate_series(0, 60) n");
    ck_assert_int_eq(seal_store_run(db, 1000, &sealed, &err), E_OK);
    ck_assert_int_eq(sealed, 61);
    struct db_rows *rows = NULL;
    ck_assert_int_eq(db_run(db, &retire, NULL, &rows, &err), E_OK);
    ck_assert_int_gt(db_affected(rows), 20);
    db_rows_free(rows);
    struct seal_verdict verdict = verify();
    ck_assert_msg(verdict.problem == NULL, "%s", verdict.problem);
    ck_assert_int_lt(verdict.sealed, 42);
    test_db_exec(db, "UPDATE log_chain SET first_before = 'x'");
    ck_assert_str_eq(verify().problem, "the seal was altered");
}
END_TEST

static const char *const forbidden[] = {"UPDATE logs SET action = 'x'",
                                        "DELETE FROM logs",
                                        "TRUNCATE logs",
                                        "TRUNCATE logs_rest",
                                        "UPDATE log_seals SET action = ''",
                                        "DELETE FROM log_seals",
                                        "TRUNCATE log_seals",
                                        "DELETE FROM log_chain",
                                        "TRUNCATE log_chain",
                                        "TRUNCATE logs, log_seals"};

/* Even for the owner of the tables. req: S190 */
START_TEST(seals__and_entries_cannot_be_changed)
{
    ck_assert_int_ne(db_script(db, forbidden[_i], &err), E_OK);
    ck_assert_int_eq(verify().sealed, ENTRIES);
    ck_assert_ptr_null(verify().problem);
}
END_TEST

START_TEST(seals__are_copied_in_order_and_once)
{
    struct seal_copy *copies = NULL;
    size_t n = 0;
    ck_assert_int_eq(seal_store_uncopied(db, arena, 120, &copies, &n, &err), E_OK);
    ck_assert_uint_eq(n, 120);
    ck_assert_int_eq(copies[0].seq, 1);
    ck_assert_str_eq(copies[0].subject, "sokoul.logs.login_failed");
    ck_assert_ptr_nonnull(strstr(copies[0].json, copies[0].id));
    ck_assert_int_eq(seal_store_copied(db, arena, copies[119].seq, &err), E_OK);
    ck_assert_int_eq(seal_store_uncopied(db, arena, 120, &copies, &n, &err), E_OK);
    ck_assert_uint_eq(n, 80);
    ck_assert_int_eq(copies[0].seq, 121);
    ck_assert_int_eq(audit_store_config_changed(db, "sokoul-api", "JWT_SECRET", &err), E_OK);
    ck_assert_int_eq(
        test_db_int(db,
                    "SELECT count(*) FROM logs WHERE action = 'config_changed' AND subject = 'sokoul-api' "
                    "AND detail->>'settings' = 'JWT_SECRET'"),
        1);
}
END_TEST

int main(void)
{
    const struct suite_case cases[] = {
        {seals__hold_an_untouched_trail_together, 1},
        {seals__locate_every_alteration, 1},
        {seals__miss_no_end_and_no_whole, sizeof whole / sizeof whole[0]},
        {seals__let_retention_remove_what_is_old, 1},
        {seals__and_entries_cannot_be_changed, sizeof forbidden / sizeof forbidden[0]},
        {seals__are_copied_in_order_and_once, 1},
    };
    test_db_create();
    int status = suite_run_with("seals", cases, sizeof cases / sizeof cases[0], setup, teardown);
    test_db_drop();
    return status;
}
