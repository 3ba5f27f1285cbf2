/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test_db.h"

#include "common/base/buf.h"
#include "common/base/id.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum
{
    MIGRATION_MAX_BYTES = 4 << 20
};

static char fresh_url[512];
static char fresh_name[64];
static struct db_pool *pool;
static pid_t pool_pid;

static void must(enum err_code code, const struct err *err, const char *what)
{
    if (code == E_OK)
        return;
    fprintf(stderr, "test_db: %s: %s\n", what, err->text);
    abort();
}

static struct db_pool *pool_on(const char *url)
{
    struct err err = ERR_INIT;
    struct db_pool *made = NULL;
    const struct db_pool_config config = {.url = url, .name = "test", .size = 8, .get_wait_ms = 10000};
    must(db_pool_open(&config, &made, &err), &err, "pool");
    return made;
}

static void admin(const char *sql)
{
    struct err err = ERR_INIT;
    struct db *db = NULL;
    struct db_pool *super = pool_on(getenv("TEST_DATABASE_URL"));
    must(db_get(super, &db, &err), &err, "connect to TEST_DATABASE_URL");
    must(db_script(db, sql, &err), &err, sql);
    db_put(db);
    db_pool_close(super);
}

/* The same address with another database: what stands between the last slash and a question mark. */
static void name_fresh(const char *url)
{
    snprintf(fresh_name, sizeof fresh_name, "test_%ld_%.8s", (long)getpid(), id_new().text + ID_LEN - 8);
    const char *authority = strstr(url, "://");
    const char *path = authority == NULL ? NULL : strchr(authority + 3, '/');
    size_t head = path == NULL ? strcspn(url, "?") : (size_t)(path - url);
    snprintf(fresh_url, sizeof fresh_url, "%.*s/%s%s", (int)head, url, fresh_name, url + strcspn(url, "?"));
}

static void apply(struct db *db, const char *path)
{
    struct buf sql;
    buf_init(&sql, MIGRATION_MAX_BYTES);
    FILE *file = fopen(path, "r");
    char part[4096];
    for (size_t n; file != NULL && (n = fread(part, 1, sizeof part, file)) > 0;)
        buf_add(&sql, part, n);
    if (file == NULL || sql.failed || sql.len == 0)
    {
        fprintf(stderr, "test_db: cannot read %s\n", path);
        abort();
    }
    fclose(file);
    struct err err = ERR_INIT;
    must(db_script(db, sql.data, &err), &err, path);
    buf_fini(&sql);
}

/* As migrate_up does, so that the product's own pools take this database. */
static void record(struct db *db, const char *file)
{
    char sql[400];
    snprintf(sql, sizeof sql,
             "CREATE TABLE IF NOT EXISTS schema_migrations (version bigint PRIMARY KEY, name text NOT NULL,"
             " checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now());"
             " INSERT INTO schema_migrations (version, name, checksum) VALUES (%.14s, 'test', '')",
             file);
    test_db_exec(db, sql);
}

static int is_migration(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return dot != NULL && strcmp(dot, ".sql") == 0;
}

static void migrate(void)
{
    struct dirent **names = NULL;
    int count = scandir("migrations", &names, is_migration, alphasort);
    struct db *db = test_db_open();
    for (int i = 0; i < count; i++)
    {
        char path[512];
        snprintf(path, sizeof path, "migrations/%s", names[i]->d_name);
        apply(db, path);
        record(db, names[i]->d_name);
        free(names[i]);
    }
    free(names);
    test_db_close(db);
    db_pool_close(pool);
    pool = NULL;
}

void test_db_create(void)
{
    const char *url = getenv("TEST_DATABASE_URL");
    if (url == NULL || url[0] == '\0')
    {
        fprintf(stderr, "test_db: TEST_DATABASE_URL is not set, so nothing was tested: make test sets it\n");
        exit(EXIT_FAILURE);
    }
    char sql[128];
    name_fresh(url);
    snprintf(sql, sizeof sql, "CREATE DATABASE %s", fresh_name);
    admin(sql);
    migrate();
}

void test_db_drop(void)
{
    char sql[128];
    if (pool != NULL)
        db_pool_close(pool);
    pool = NULL;
    snprintf(sql, sizeof sql, "DROP DATABASE %s WITH (FORCE)", fresh_name);
    admin(sql);
}

const char *test_db_url(void)
{
    return fresh_url;
}

struct db_pool *test_db_pool(void)
{
    if (pool == NULL || pool_pid != getpid())
    {
        pool = pool_on(fresh_url);
        pool_pid = getpid();
    }
    return pool;
}

struct db *test_db_open(void)
{
    struct err err = ERR_INIT;
    struct db *db = NULL;
    must(db_get(test_db_pool(), &db, &err), &err, "connect to the fresh database");
    return db;
}

void test_db_close(struct db *db)
{
    db_put(db);
}

void test_db_exec(struct db *db, const char *sql)
{
    struct err err = ERR_INIT;
    must(db_script(db, sql, &err), &err, sql);
}

int64_t test_db_int(struct db *db, const char *sql)
{
    static struct db_stmt statements[64]; /* a prepared statement is known by its address */
    static char names[64][16];
    static size_t used;
    struct err err = ERR_INIT;
    struct db_rows *rows = NULL;
    size_t at = 0;
    while (at < used && strcmp(statements[at].sql, sql) != 0)
        at++;
    if (at == sizeof statements / sizeof statements[0])
        abort();
    if (at == used)
    {
        snprintf(names[at], sizeof names[at], "test_int_%zu", at);
        statements[used++] = (struct db_stmt){names[at], strdup(sql), 0};
    }
    must(db_run(db, &statements[at], NULL, &rows, &err), &err, sql);
    int64_t value = db_int(rows, 0, 0, INT64_MIN);
    db_rows_free(rows);
    return value;
}

const char *test_db_user(struct db *db, const char *username)
{
    static char ids[32][ID_SIZE];
    static size_t used;
    char sql[512];
    char *id = ids[used++ % 32];
    snprintf(id, ID_SIZE, "%s", id_new().text);
    snprintf(
        sql, sizeof sql,
        "INSERT INTO users (id, username, email, password_hash) VALUES ('%s', '%s', '%s@test.example', 'x')",
        id, username, username);
    test_db_exec(db, sql);
    return id;
}

const char *test_db_media(struct db *db, int64_t tmdb_id, const char *title)
{
    static char ids[64][ID_SIZE];
    static size_t used;
    char sql[512];
    char *id = ids[used++ % 64];
    snprintf(id, ID_SIZE, "%s", id_new().text);
    snprintf(sql, sizeof sql,
             "INSERT INTO media (id, tmdb_id, media_type, title) VALUES ('%s', %" PRId64 ", 'movie', '%s')",
             id, tmdb_id, title);
    test_db_exec(db, sql);
    return id;
}
