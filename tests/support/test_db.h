/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_db.h -- a fresh database with the migrations applied, one per test program.
 *
 *     int main(void)
 *     {
 *         test_db_create();
 *         ...                                       cases call test_db_open, test_db_close
 *         test_db_drop();
 *     }
 *
 * TEST_DATABASE_URL names a database of a superuser.  Migrations are read from migrations/ in the working
 * folder.  Check runs each case in a process of its own, so each opens its own pool.  Any failure
 * here ends the program, also that there is no TEST_DATABASE_URL: what was not tested has not passed.
 * Threads: main's.
 */
#ifndef SOKOUL_TESTS_SUPPORT_TEST_DB_H
#define SOKOUL_TESTS_SUPPORT_TEST_DB_H

#include "common/db/db.h"

void test_db_create(void);
void test_db_drop(void);
const char *test_db_url(void); /* of the fresh database */

struct db_pool *test_db_pool(void);                  /* opened at the first call in this process */
struct db *test_db_open(void);                       /* a connection of that pool */
void test_db_close(struct db *db);                   /* gives it back */
void test_db_exec(struct db *db, const char *sql);   /* must work */
int64_t test_db_int(struct db *db, const char *sql); /* its one number; 64 texts in a process */

/* A user with that name and nothing else; its id lives as long as the process. */
const char *test_db_user(struct db *db, const char *username);
/* A film with that TMDB id. */
const char *test_db_media(struct db *db, int64_t tmdb_id, const char *title);

#endif
