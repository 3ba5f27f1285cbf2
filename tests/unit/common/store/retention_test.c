/* SPDX-License-Identifier: Apache-2.0 */
/* What stays in the database how long, and that no table is forgotten, on a real Postgres. */
#include "common/store/retention.h"

#include "common/base/id.h"
#include "common/store/inspections.h"
#include "tests/support/suite.h"
#include "tests/support/test_db.h"

#include <stdlib.h>
#include <string.h>

enum
{
    KEPT_DAYS = 30,
    LIMIT = 5000,
    KIB = 1024
};

#define ADA "(SELECT id FROM users WHERE username = 'ada')"
#define FILM "(SELECT id FROM media WHERE tmdb_id = 1)"
#define HASH(n) "lpad(to_hex(" n "), 40, '0')"
#define AGO(what) "now() - interval '" what "'"

static struct db *db;
static struct arena *arena;
static struct err err;
static const char *ada;
static const char *bob;

static void setup(void)
{
    arena = arena_new(1 << 24);
    db = test_db_open();
    test_db_exec(db,
                 "SET session_replication_role = replica; " /* past the triggers that keep the audit trail */
                 "TRUNCATE users, media, torrents, jobs, job_results, job_history, dead_letters, outgoing, "
                 "inspections, logs, log_seals, idempotency_keys, job_windows CASCADE; "
                 "RESET session_replication_role");
    test_db_exec(db, "INSERT INTO users (id, username, email, password_hash, role)"
                     " VALUES ('" ID_SYSTEM_USER "', 'system', 'system@localhost', '!', 'system')");
    ada = test_db_user(db, "ada");
    bob = test_db_user(db, "bob");
    test_db_media(db, 1, "Film");
}

static void teardown(void)
{
    test_db_close(db);
    arena_free(arena);
    db_pool_close(test_db_pool());
}

static bool run(int64_t limit)
{
    const struct retention retention = {.days = KEPT_DAYS, .limit = limit};
    bool more = false;
    enum err_code code = retention_store_run(db, arena, &retention, &more, &err);
    ck_assert_msg(code == E_OK, "%s", err.text);
    return more;
}

static int64_t count(const char *table)
{
    return test_db_int(db, arena_printf(arena, "SELECT count(*) FROM %s", table));
}

/* ---- the catalogue -------------------------------------------------------------------------- */

static const struct db_stmt tables = {
    "test_tables",
    "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname = 'public' ORDER BY 1",
    0};

START_TEST(retention__has_a_rule_for_every_table_in_the_catalogue)
{
    struct db_rows *rows = NULL;
    size_t n = 0;
    const struct retention_rule *rules = retention_rules(&n);
    ck_assert_int_eq(db_run(db, &tables, NULL, &rows, &err), E_OK);
    for (int i = 0; i < db_rows(rows); i++)
    {
        size_t found = 0;
        for (size_t r = 0; r < n; r++)
            found += strcmp(rules[r].table, db_text(rows, i, 0)) == 0;
        ck_assert_msg(found == 1,
                      "table %s has %zu rules of retention, not one: see common/store/retention.c",
                      db_text(rows, i, 0), found);
    }
    ck_assert_msg((size_t)db_rows(rows) == n, "there are rules for tables that are not there");
    db_rows_free(rows);
    for (size_t r = 0; r < n; r++)
        ck_assert_uint_gt(strlen(rules[r].rule), 0);
}
END_TEST

/* ---- what goes and what stays --------------------------------------------------------------- */

static const struct
{
    const char *table;
    const char *fill; /* rows that go, and rows that stay */
    int64_t stay;
} fills[] = {
    {"refresh_tokens",
     "INSERT INTO refresh_tokens (id, user_id, family, token_hash, expires_at) SELECT gen_random_uuid(), " ADA
     ", gen_random_uuid(), n::text, now() - n * interval '1 hour' FROM generate_series(-5, 40) n",
     5 + 24},
    {"refresh_tokens",
     "INSERT INTO refresh_tokens (id, user_id, family, token_hash, expires_at, used_at) SELECT "
     "gen_random_uuid(), " ADA ", gen_random_uuid(), n::text, now() + interval '1 day', now() - n * interval "
     "'1 s' FROM generate_series(1, 4000) n",
     3599},
    {"watch_history",
     "INSERT INTO watch_history (id, user_id, media_id, position_s, watched_at) SELECT "
     "gen_random_uuid(), " ADA ", " FILM ", 1, now() - n * interval '1 s' FROM generate_series(1, 10050) n",
     10000},
    {"favorites",
     "WITH m AS (INSERT INTO media (id, tmdb_id, media_type, title) SELECT gen_random_uuid(), n, 'movie', 'F'"
     " FROM generate_series(2, 10060) n RETURNING id) INSERT INTO favorites (user_id, media_id) SELECT " ADA
     ", id FROM m",
     10000},
    {"job_results",
     "INSERT INTO job_results (job_id, result, created_at) SELECT gen_random_uuid(), '{}', now() - n * "
     "interval '1 day' FROM generate_series(1, 40) n",
     29},
    {"job_history",
     "INSERT INTO job_history (job_id, at, status, attempt) SELECT gen_random_uuid(), now() - n * interval "
     "'1 day', 'Pending', 1 FROM generate_series(1, 40) n",
     29},
    {"dead_letters",
     "INSERT INTO dead_letters (id, reason, detail, closed_at) SELECT gen_random_uuid(), 'poison', '', CASE "
     "WHEN n > 0 THEN now() - n * interval '1 day' END FROM generate_series(0, 40) n",
     30},
    {"downloads",
     "INSERT INTO downloads (id, user_id, media_id, status, wanted, finished_at) SELECT "
     "gen_random_uuid(), " ADA ", " FILM
     ", s, w, now() - d * interval '1 day' FROM unnest(ARRAY['Completed', 'Failed']) s,"
     " unnest(ARRAY['run', 'delete']) w, unnest(ARRAY[1, 31, 91]) d",
     3 + 2 + 1 + 1},
    {"inspections",
     "WITH t AS (INSERT INTO torrents (id, info_hash_v1) SELECT gen_random_uuid(), " HASH(
         "n") " FROM generate_series(1, 30) n RETURNING id) INSERT INTO inspections (user_id, torrent_id, "
              "bytes, at)"
              " SELECT " ADA ", id, 1, now() - row_number() OVER () * interval '1 hour' FROM t",
     23},
    {"torrents",
     "WITH t AS (INSERT INTO torrents (id, info_hash_v1, created_at, status, node) SELECT gen_random_uuid(),"
     " " HASH(
         "n") ", now() - n * interval '1 hour', CASE WHEN n % 10 = 0 THEN 'Completed' ELSE 'Pending' END,"
              " CASE WHEN n % 10 = 1 THEN 'here' END FROM generate_series(1, 40) n RETURNING id, "
              "info_hash_v1)"
              " INSERT INTO downloads (id, user_id, media_id, torrent_id) SELECT gen_random_uuid(), " ADA
              ", " FILM ", id FROM t WHERE info_hash_v1 = " HASH("38"),
     23 + 2 + 1 + 1},
    {"releases",
     "INSERT INTO releases (id, media_id, dedupe_key, title, score, reasons, found_at) SELECT "
     "gen_random_uuid(), " FILM ", n::text, 'T', 1, '[]', now() - n * interval '1 day' FROM "
     "generate_series(1, 100) n",
     89},
    {"media",
     "WITH m AS (INSERT INTO media (id, tmdb_id, media_type, title, updated_at) SELECT gen_random_uuid(), n,"
     " 'movie', 'F', now() - n * interval '1 day' FROM generate_series(2, 100) n RETURNING id, tmdb_id)"
     " INSERT INTO favorites (user_id, media_id) SELECT " ADA ", id FROM m WHERE tmdb_id = 95",
     1 + 88 + 1},
    {"logs",
     "INSERT INTO logs (id, at, action) SELECT gen_random_uuid(), now() - n * interval '1 day', a FROM "
     "generate_series(1, 400) n, unnest(ARRAY['login', 'login_failed']) a",
     364 + 30},
    {"idempotency_keys",
     "INSERT INTO idempotency_keys (user_id, route, key, body_hash, answer, created_at) SELECT " ADA
     ", 'POST /jobs', n::text, '', '{}', now() - n * interval '1 hour' FROM generate_series(1, 40) n",
     23},
    {"jobs",
     "INSERT INTO jobs (job_id, kind, worker, user_id, status, finished_at) SELECT gen_random_uuid(), 'noop',"
     " 'scout', " ADA ", 'Completed', now() - n * interval '1 day' FROM generate_series(1, 40) n",
     29},
    {"jobs",
     "INSERT INTO jobs (job_id, kind, worker, user_id, status, created_at) SELECT gen_random_uuid(), 'noop',"
     " 'scout', " ADA ", 'Running', now() - n * interval '1 day' FROM generate_series(1, 40) n",
     40},
    {"job_windows",
     "INSERT INTO job_windows (kind, unique_key, job_id, until) SELECT 'noop', n::text, gen_random_uuid(),"
     " now() - n * interval '1 minute' FROM generate_series(1, 100) n",
     59},
    {"api_keys",
     "INSERT INTO api_keys (id, user_id, name, scopes, key_hash, expires_at) SELECT gen_random_uuid(), " ADA
     ", 'key', '{read}', n::text, CASE WHEN n > -5 THEN now() - n * interval '1 day' END "
     "FROM generate_series(-10, 40) n",
     6 + 34},
    {"totp",
     "INSERT INTO totp (user_id, secret, created_at) SELECT id, 's', now() - interval '25 hours' FROM users "
     "WHERE "
     "username = 'ada' UNION ALL SELECT id, 's', now() FROM users WHERE username = 'bob'",
     1},
    {"totp",
     "INSERT INTO totp (user_id, secret, created_at, confirmed_at) SELECT id, 's', now() - interval '9 "
     "days', now() "
     "FROM users WHERE username = 'ada'",
     1},
};

START_TEST(retention__keeps_what_its_rule_says_and_nothing_else)
{
    test_db_exec(db, fills[_i].fill);
    while (run(LIMIT))
        ;
    ck_assert_msg(count(fills[_i].table) == fills[_i].stay, "%s: %lld rows stay, not %lld", fills[_i].table,
                  (long long)count(fills[_i].table), (long long)fills[_i].stay);
}
END_TEST

START_TEST(retention__says_when_there_is_more)
{
    test_db_exec(db, fills[4].fill);
    ck_assert(run(5));
    ck_assert_int_eq(count("job_results"), 35);
    ck_assert(!run(LIMIT));
}
END_TEST

START_TEST(retention__has_files_removed_that_a_forgotten_download_left)
{
    test_db_exec(db,
                 "INSERT INTO torrents (id, info_hash_v1, created_at, status, node) SELECT "
                 "gen_random_uuid(), " HASH("n") ", now() - n * interval '20 days', 'Running', 'here' FROM "
                                                 "generate_series(1, 2) n");
    run(LIMIT);
    run(LIMIT); /* the job is there already */
    ck_assert_int_eq(
        count("jobs WHERE kind = 'purge' AND worker = 'hunter' AND (payload->>'torrent_id')::uuid "
              "= (SELECT id FROM torrents WHERE created_at < now() - interval '30 days')"),
        1);
    ck_assert_int_eq(count("jobs"), 1);
    ck_assert_int_eq(count("torrents"), 2);
}
END_TEST

static const struct db_stmt forge = {"test_forge", "DELETE FROM logs", 0};

START_TEST(audit__entries_are_final_while_they_are_young)
{
    test_db_exec(db,
                 "INSERT INTO logs (id, at, action) VALUES (gen_random_uuid(), " AGO("89 days") ", 'login')");
    ck_assert_int_ne(db_run(db, &forge, NULL, NULL, &err), E_OK);
    ck_assert_int_eq(count("logs"), 1);
}
END_TEST

/* ---- torrents that somebody only looks at --------------------------------------------------- */

static const char *inspect(const char *user, int n, int64_t bytes)
{
    const struct id id = id_new();
    test_db_exec(db,
                 arena_printf(arena, "INSERT INTO torrents (id, info_hash_v1) VALUES ('%s', " HASH("%d") ")",
                              id.text, n));
    const char *torrent_id = arena_strdup(arena, id.text);
    const struct inspection inspection = {.user_id = user,
                                          .torrent_id = torrent_id,
                                          .bytes = bytes,
                                          .max_user_bytes = 100 * KIB,
                                          .max_bytes = 150 * KIB};
    ck_assert_msg(inspection_store_add(db, arena, &inspection, &err) == E_OK, "%s", err.text);
    return torrent_id;
}

static bool is_there(const char *torrent_id)
{
    return count(arena_printf(arena, "torrents WHERE id = '%s'", torrent_id)) == 1;
}

START_TEST(inspections__of_one_user_push_out_their_own_oldest)
{
    const char *ids[4];
    for (int i = 0; i < 3; i++)
        ids[i] = inspect(ada, i, 30 * KIB);
    ck_assert_int_eq(count("torrents"), 3);
    ids[3] = inspect(ada, 3, 40 * KIB);
    ck_assert(!is_there(ids[0]) && is_there(ids[1]) && is_there(ids[2]) && is_there(ids[3]));
    ck_assert_int_eq(test_db_int(db, "SELECT sum(bytes)::bigint FROM inspections"), 100 * KIB);
}
END_TEST

START_TEST(inspections__cost_something_each_however_small_they_are)
{
    for (int i = 0; i < 20; i++)
        (void)inspect(ada, i, 1);
    ck_assert_int_eq(count("torrents"), 6);
}
END_TEST

START_TEST(inspections__of_a_user_who_looks_at_much_push_out_nobody_elses)
{
    const char *mine = inspect(bob, 100, 40 * KIB);
    const char *third = test_db_user(db, "eve");
    for (int i = 0; i < 5; i++)
    {
        (void)inspect(ada, i, 50 * KIB);
        (void)inspect(third, 10 + i, 50 * KIB);
    }
    ck_assert(is_there(mine));
    ck_assert_int_le(test_db_int(db, "SELECT sum(bytes)::bigint FROM inspections"), 150 * KIB);
    ck_assert_int_eq(count("torrents"), 3); /* everybody's newest */
}
END_TEST

START_TEST(inspections__never_take_a_torrent_that_somebody_downloads_or_looked_at_too)
{
    const char *downloaded = inspect(ada, 1, 60 * KIB);
    test_db_exec(db, arena_printf(arena,
                                  "INSERT INTO downloads (id, user_id, media_id, torrent_id) VALUES "
                                  "(gen_random_uuid(), '%s', " FILM ", '%s')",
                                  bob, downloaded));
    const char *shared = inspect(ada, 2, 30 * KIB);
    test_db_exec(db, arena_printf(arena, "INSERT INTO inspections VALUES ('%s', '%s', 1)", bob, shared));
    const char *last = inspect(ada, 3, 90 * KIB);
    ck_assert(is_there(downloaded) && is_there(shared) && is_there(last));
    ck_assert_int_eq(count("inspections"), 2);
}
END_TEST

int main(void)
{
    test_db_create();
    const struct suite_case cases[] = {
        {retention__has_a_rule_for_every_table_in_the_catalogue, 1},
        {retention__keeps_what_its_rule_says_and_nothing_else, sizeof fills / sizeof fills[0]},
        {retention__says_when_there_is_more, 1},
        {retention__has_files_removed_that_a_forgotten_download_left, 1},
        {audit__entries_are_final_while_they_are_young, 1},
        {inspections__of_one_user_push_out_their_own_oldest, 1},
        {inspections__cost_something_each_however_small_they_are, 1},
        {inspections__of_a_user_who_looks_at_much_push_out_nobody_elses, 1},
        {inspections__never_take_a_torrent_that_somebody_downloads_or_looked_at_too, 1},
    };
    int status = suite_run_with("retention", cases, sizeof cases / sizeof cases[0], setup, teardown);
    test_db_drop();
    return status;
}
