/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a database has the schema that a program needs, on a real Postgres. */
#include "common/store/schema.h"

#include "tests/support/suite.h"
#include "tests/support/test_db.h"

#include <stdlib.h>
#include <string.h>

static const struct
{
    const char *change; /* within a transaction that is rolled back */
    enum err_code code;
    const char *says;
} rows[] = {
    {"SELECT 1", E_OK, ""},
    {"INSERT INTO schema_migrations (version, name, checksum) VALUES (99990101000000, 'next', '')", E_OK, ""},
    {"DELETE FROM schema_migrations WHERE version = (SELECT max(version) FROM schema_migrations)", E_DATABASE,
     " is missing"},
    {"DELETE FROM schema_migrations WHERE version = (SELECT min(version) FROM schema_migrations)", E_DATABASE,
     "20240101000000"},
    {"DROP TABLE schema_migrations", E_DATABASE, "no tables"},
    {"CREATE ROLE schema_test_stranger; SET LOCAL ROLE schema_test_stranger", E_OK, ""},
};

enum
{
    ROWS = sizeof rows / sizeof rows[0]
};

START_TEST(schema__is_fit_when_every_migration_of_the_program_is_there)
{
    struct err err = ERR_INIT;
    struct db *db = test_db_open();
    ck_assert_int_eq(db_begin(db, &err), E_OK);
    test_db_exec(db, rows[_i].change);
    ck_assert_int_eq(schema_check(db, &err), rows[_i].code);
    if (rows[_i].code != E_OK)
    {
        ck_assert_ptr_nonnull(strstr(err.text, rows[_i].says));
        ck_assert_ptr_nonnull(strstr(err.text, "sokoulctl migrate up"));
    }
    test_db_close(db);
    db_pool_close(test_db_pool());
}
END_TEST

static enum err_code refuse(struct db *db, struct err *err)
{
    (void)db;
    (void)err;
    return E_DATABASE;
}

START_TEST(schema__that_is_refused_makes_a_connection_that_nobody_gets)
{
    struct err err = ERR_INIT;
    struct db *db = NULL;
    struct db_pool *pool = NULL;
    const struct db_pool_config config = {.url = test_db_url(), .size = 1, .check = refuse};
    ck_assert_int_eq(db_pool_open(&config, &pool, &err), E_OK);
    ck_assert_int_eq(db_get(pool, &db, &err), E_DATABASE);
    ck_assert_int_eq(db_pool_stats(pool).in_use, 0);
    db_pool_close(pool);
}
END_TEST

int main(void)
{
    test_db_create();
    const struct suite_case cases[] = {
        {schema__is_fit_when_every_migration_of_the_program_is_there, ROWS},
        {schema__that_is_refused_makes_a_connection_that_nobody_gets, 1},
    };
    int status = suite_run("schema", cases, sizeof cases / sizeof cases[0]);
    test_db_drop();
    return status;
}
