/* SPDX-License-Identifier: Apache-2.0 */
#include "common/conf/conf.h"

#include "tests/support/suite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRET_31 "0123456789012345678901234567890"
#define SECRET_32 "01234567890123456789012345678901"

static char folder[64];
static char start_folder[4096];

static void remove_folder(void)
{
    static const char *const names[] = {".env", "x.env", "secret"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unlink(names[i]);
    ck_assert_ptr_nonnull(getcwd(folder, sizeof folder));
    ck_assert_int_eq(chdir("/"), 0);
    rmdir(folder);
}

/* An empty environment in an empty folder. */
static void start_clean(void)
{
    ck_assert_ptr_nonnull(getcwd(start_folder, sizeof start_folder));
    strcpy(folder, "/tmp/conf_test.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chdir(folder), 0);
    ck_assert_int_eq(clearenv(), 0);
    ck_assert_int_eq(atexit(remove_folder), 0);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

/* What every program needs, so that a test changes only what it is about. */
static void set_required(void)
{
    setenv("DATABASE_URL", "postgresql://u:p@db:5432/sokoul", 1);
    setenv("REDIS_URL", "redis://:p@cache:6379/0", 1);
    setenv("NATS_URL", "nats://u:p@mq:4222", 1);
    setenv("JWT_SECRET", SECRET_32, 1);
    setenv("TMDB_API_KEY", "k", 1);
    setenv("TELEGRAM_BOT_TOKEN", "1:t", 1);
}

static struct conf *loaded(enum conf_program program, const char *env_file)
{
    struct conf *conf = NULL;
    struct err err = ERR_INIT;
    ck_assert_msg(conf_load(program, env_file, &conf, &err) == E_OK, "%s", err.text);
    return conf;
}

static void refused(enum conf_program program, const char *env_file, const char *text)
{
    struct conf *conf = NULL;
    struct err err = ERR_INIT;
    ck_assert_int_eq(conf_load(program, env_file, &conf, &err), E_CONFIG);
    ck_assert_msg(strstr(err.text, text) != NULL, "%s", err.text);
    ck_assert_ptr_null(strchr(err.text, '\n'));
    ck_assert_ptr_null(conf);
    ck_assert_int_eq(err_exit(err.code), 78);
}

/* req: S19-S22, S24, S25 part: S23 */
static const struct
{
    const char *name;
    unsigned needed_by; /* a bit per program */
} required[] = {
    {"DATABASE_URL", 0x3f}, {"REDIS_URL", 0x2f},          {"NATS_URL", 0x2f},
    {"TMDB_API_KEY", 0x03}, {"TELEGRAM_BOT_TOKEN", 0x08}, {"JWT_SECRET", 0x01},
};

START_TEST(conf__requires_what_a_program_uses_and_no_more)
{
    start_clean();
    for (int empty = 0; empty < 2; empty++)
        for (int program = 0; program < CONF_PROGRAMS; program++)
        {
            set_required();
            unsetenv(required[_i].name);
            if (empty == 1)
                setenv(required[_i].name, "", 1);
            char text[100];
            snprintf(text, sizeof text, "%s is required", required[_i].name);
            if ((required[_i].needed_by >> program & 1) != 0)
                refused((enum conf_program)program, NULL, text);
            else
                conf_free(loaded((enum conf_program)program, NULL));
        }
}
END_TEST

/* req: S29, S145 */
static const struct
{
    const char *name;
    const char *value;
    const char *complaint; /* NULL: accepted */
} values[] = {
    {"NATS_URL", "foo", "NATS_URL is not a valid URL"},
    {"NATS_URL", "nats://", "NATS_URL is not a valid URL"},
    {"NATS_URL", "nats://h:99999", "NATS_URL is not a valid URL"},
    {"NATS_URL", "nats://h:0", "NATS_URL is not a valid URL"},
    {"NATS_URL", "nats://h:", "NATS_URL is not a valid URL"},
    {"NATS_URL", "http://h:4222", "NATS_URL is not a valid URL"},
    {"NATS_URL", "nats://a:1,nats://b:2", NULL},
    {"NATS_URL", "nats://a:1,", "NATS_URL is not a valid URL"},
    {"NATS_URL", "nats://a:1,foo", "NATS_URL is not a valid URL"},
    {"DATABASE_URL", "mysql://h/x", "DATABASE_URL is not a valid URL"},
    {"DATABASE_URL", "postgres://u:p%40@[::1]:5432/x?a=b", NULL},
    {"REDIS_URL", "redis://h name", "REDIS_URL is not a valid URL"},
    {"TMDB_BASE_URL", "ftp://h", "TMDB_BASE_URL is not a valid URL"},
    {"JWT_SECRET", SECRET_31, "JWT_SECRET must have at least 32 bytes"},
    {"JWT_SECRET", SECRET_32, NULL},
    {"JWT_SECRET_PREVIOUS", "short", "JWT_SECRET_PREVIOUS must have at least 32 bytes"},
    {"NATS_REPLICAS", "2", "NATS_REPLICAS must be an odd number from 1 to 5"},
    {"NATS_REPLICAS", "7", "NATS_REPLICAS must be an odd number from 1 to 5"},
    {"NATS_REPLICAS", "three", "NATS_REPLICAS must be an odd number from 1 to 5"},
    {"NATS_REPLICAS", "3", NULL},
    {"DB_POOL_SIZE", "0", "DB_POOL_SIZE must be a whole number from 1 to 200"},
    {"DB_POOL_SIZE", "201", "DB_POOL_SIZE must be a whole number from 1 to 200"},
    {"DB_POOL_SIZE", "ten", "DB_POOL_SIZE must be a whole number"},
    {"DB_POOL_SIZE", "-1", "DB_POOL_SIZE must be a whole number"},
    {"DB_POOL_SIZE", "4294967297", "DB_POOL_SIZE must be a whole number"},
    {"DB_POOL_SIZE", "200", NULL},
    {"SEED_RATIO", "1.5", NULL},
    {"SEED_RATIO", "1.5x", "SEED_RATIO must be a number"},
    {"SEED_RATIO", "1.5.1", "SEED_RATIO must be a number"},
    {"SEED_RATIO", ".", "SEED_RATIO must be a number"},
    {"SEED_RATIO", "nan", "SEED_RATIO must be a number"},
    {"TORRENT_DHT", "maybe", "TORRENT_DHT must be true or false"},
    {"API_LISTEN", "3000", "API_LISTEN must be a numeric address"},
    {"API_LISTEN", "127.0.0.1:65536", "API_LISTEN must be a numeric address"},
    {"API_LISTEN", "example.org:80", "API_LISTEN must be a numeric address"},
    {"API_LISTEN", "[::1]:0", NULL},
    {"METRICS_ALLOW", "10.0.0.0/33", "METRICS_ALLOW must list"},
    {"METRICS_ALLOW", "10.0.0.0/8, ::1", NULL},
    {"LOG_LEVEL", "loud", "LOG_LEVEL must be"},
    {"LOG_LEVEL", "WARN", NULL},
    {"NODE_NAME", "a\nb", "NODE_NAME holds a control character"},
    {"NODE_NAME", "caf\xe9", "NODE_NAME is not UTF-8"},
    {"NODE_NAME", "caf\xc3\xa9", NULL},
    {"DOWNLOAD_DIR", "films\xff", "DOWNLOAD_DIR is not UTF-8"},
};

START_TEST(conf__checks_each_value_by_its_type)
{
    start_clean();
    set_required();
    setenv(values[_i].name, values[_i].value, 1);
    if (values[_i].complaint != NULL)
        refused(CONF_API, NULL, values[_i].complaint);
    else
        conf_free(loaded(CONF_API, NULL));
}
END_TEST

START_TEST(conf__never_shows_a_secret_in_its_complaint)
{
    struct conf *conf = NULL;
    struct err err = ERR_INIT;
    start_clean();
    set_required();
    setenv("JWT_SECRET", SECRET_31, 1);
    ck_assert_int_eq(conf_load(CONF_API, NULL, &conf, &err), E_CONFIG);
    ck_assert_ptr_null(strstr(err.text, SECRET_31));
    set_required();
    setenv("DATABASE_URL", "mysql://u:hunter2@h", 1);
    ck_assert_int_eq(conf_load(CONF_API, NULL, &conf, &err), E_CONFIG);
    ck_assert_ptr_null(strstr(err.text, "hunter2"));
}
END_TEST

START_TEST(conf__has_the_defaults_of_the_table)
{
    char host[256] = "";
    start_clean();
    set_required();
    struct conf *conf = loaded(CONF_HUNTER, NULL);
    gethostname(host, sizeof host - 1);
    ck_assert_str_eq(conf->node_name, host);
    ck_assert_str_eq(conf->tmdb_base_url, "https://api.themoviedb.org");
    ck_assert_str_eq(conf->prowlarr_url, "");
    ck_assert_uint_eq(conf->db_pool_size, 10);
    ck_assert_uint_eq(conf->jobs_lease_s, 40);
    ck_assert_uint_eq(conf->jobs_retention_days, 30);
    ck_assert_uint_eq(conf->worker_drain_s, 60);
    ck_assert_uint_eq(conf->api_drain_s, 10);
    ck_assert_uint_eq(conf->seed_hours, 24);
    ck_assert_uint_eq(conf->rate_limit_user_per_min, 100);
    ck_assert_str_eq(conf->api_listen.host, "127.0.0.1");
    ck_assert_uint_eq(conf->api_listen.port, 3000);
    ck_assert_uint_eq(conf->metrics_listen.port, 9102);
    ck_assert_int_eq(conf->log_level, LOG_INFO);
    ck_assert(conf->torrent_dht && !conf->torrent_allow_private && conf->allow_private_providers);
    ck_assert_uint_gt(conf->metrics_allow.count, 4);
    ck_assert_uint_eq(conf->trusted_proxies.count, 0);
    ck_assert(fabs(conf->seed_ratio - 2) < 1e-9);
    conf_free(conf);
    conf = loaded(CONF_BOT, NULL);
    ck_assert_uint_eq(conf->metrics_listen.port, 9103);
    conf_free(conf);
    conf_free(NULL);
}
END_TEST

START_TEST(conf__takes_the_environment_before_the_file_before_the_default)
{
    start_clean();
    set_required();
    write_file("x.env", "DB_POOL_SIZE=20\nJOBS_LEASE_S=50\n");
    setenv("DB_POOL_SIZE", "30", 1);
    struct conf *conf = loaded(CONF_API, "x.env");
    ck_assert_uint_eq(conf->db_pool_size, 30);
    ck_assert_uint_eq(conf->jobs_lease_s, 50);
    ck_assert_uint_eq(conf->seed_hours, 24);
    conf_free(conf);
}
END_TEST

START_TEST(conf__reads_dot_env_only_when_no_file_is_named)
{
    start_clean();
    set_required();
    write_file(".env", "DB_POOL_SIZE=20\n");
    write_file("x.env", "JOBS_LEASE_S=50\n");
    struct conf *conf = loaded(CONF_API, NULL);
    ck_assert_uint_eq(conf->db_pool_size, 20);
    conf_free(conf);
    conf = loaded(CONF_API, "x.env");
    ck_assert_uint_eq(conf->db_pool_size, 10);
    conf_free(conf);
    refused(CONF_API, "missing.env", "there is no env file missing.env");
}
END_TEST

START_TEST(conf__reads_values_from_files)
{
    start_clean();
    set_required();
    unsetenv("JWT_SECRET");
    write_file("secret", SECRET_32 "\n");
    write_file("x.env", "JWT_SECRET_FILE=secret\n");
    struct conf *conf = loaded(CONF_API, "x.env");
    ck_assert_str_eq(conf->jwt_secret, SECRET_32);
    conf_free(conf);
    setenv("JWT_SECRET_FILE", "nowhere", 1);
    refused(CONF_API, NULL, "JWT_SECRET_FILE: cannot read nowhere");
    setenv("JWT_SECRET_FILE", "secret", 1);
    setenv("JWT_SECRET", SECRET_32, 1);
    refused(CONF_API, NULL, "JWT_SECRET and JWT_SECRET_FILE are both set");
}
END_TEST

START_TEST(conf__refuses_unknown_names_in_a_file_with_a_suggestion)
{
    start_clean();
    set_required();
    setenv("DB_POOL_SIZ", "7", 1);
    conf_free(loaded(CONF_API, NULL));
    write_file("x.env", "# typing error\nDB_POOL_SIZ=7\n");
    refused(CONF_API, "x.env", "x.env:2: unknown setting DB_POOL_SIZ; did you mean DB_POOL_SIZE?");
    write_file("x.env", "NOTHING_LIKE_THAT_AT_ALL=7\n");
    refused(CONF_API, "x.env", "unknown setting NOTHING_LIKE_THAT_AT_ALL");
}
END_TEST

/* part: S185 -- the configuration's part */
START_TEST(conf__reloads_what_may_change_and_keeps_the_rest)
{
    struct conf *now = NULL;
    struct err err = ERR_INIT;
    start_clean();
    set_required();
    unsetenv("JWT_SECRET");
    write_file("x.env", "JWT_SECRET=" SECRET_32 "\nDB_POOL_SIZE=20\nLOG_LEVEL=error\n");
    struct conf *before = loaded(CONF_API, "x.env");
    write_file("x.env", "JWT_SECRET=new-" SECRET_32 "\nJWT_SECRET_PREVIOUS=" SECRET_32 "\nDB_POOL_SIZE=30\n");
    ck_assert_int_eq(conf_reload(before, &now, &err), E_OK);
    ck_assert_str_eq(before->jwt_secret, SECRET_32);
    ck_assert_str_eq(now->jwt_secret, "new-" SECRET_32);
    ck_assert_str_eq(now->jwt_secret_previous, SECRET_32);
    ck_assert_int_eq(now->log_level, LOG_INFO);
    ck_assert_uint_eq(now->db_pool_size, 20);
    write_file("x.env", "JWT_SECRET=short\n");
    struct conf *broken = NULL;
    ck_assert_int_eq(conf_reload(now, &broken, &err), E_CONFIG);
    ck_assert_str_eq(now->jwt_secret, "new-" SECRET_32);
    conf_free(now);
}
END_TEST

/* req: S32 part: S31 */
START_TEST(conf__gives_its_secrets_to_the_mask)
{
    char text[1000] = "";
    start_clean();
    set_required();
    setenv("DATABASE_URL", "postgresql://u:pass%40word-in-url@db/x", 1);
    FILE *file = tmpfile();
    ck_assert_int_ge(dup2(fileno(file), STDERR_FILENO), 0);
    conf_free(loaded(CONF_API, NULL));
    log_info("x", "%s pass@word-in-url pass%%40word-in-url", SECRET_32);
    ck_assert_int_gt(pread(fileno(file), text, sizeof text - 1, 0), 0);
    ck_assert_ptr_nonnull(strstr(text, "\"*** *** ***\""));
}
END_TEST

/* req: S26, S184 */
START_TEST(conf__writes_an_example_that_it_reads_itself)
{
    struct conf *conf = NULL;
    struct err err = ERR_INIT;
    start_clean();
    FILE *file = fopen(".env", "w");
    ck_assert(conf_write_example(file));
    fclose(file);
    refused(CONF_API, NULL, "JWT_SECRET is required");
    setenv("JWT_SECRET", SECRET_32, 1);
    setenv("TMDB_API_KEY", "k", 1);
    ck_assert_msg(conf_load(CONF_API, NULL, &conf, &err) == E_OK, "%s", err.text);
    ck_assert_ptr_nonnull(strstr(conf->database_url, "change-me"));
    ck_assert_str_eq(conf->prowlarr_api_key, "");
    conf_free(conf);
}
END_TEST

/* req: S26 -- the file in the repository, not only the one the program would write */
START_TEST(conf__reads_the_example_of_the_repository)
{
    char path[4200];
    start_clean();
    snprintf(path, sizeof path, "%s/.env.example", start_folder);
    ck_assert_int_eq(access(path, R_OK), 0);
    setenv("JWT_SECRET", SECRET_32, 1);
    setenv("TMDB_API_KEY", "k", 1);
    conf_free(loaded(CONF_API, path));
}
END_TEST

START_TEST(conf__describes_every_setting_in_both_documents)
{
    static char example[65536];
    static char markdown[65536];
    FILE *out = fmemopen(example, sizeof example, "w");
    ck_assert(conf_write_example(out));
    fclose(out);
    out = fmemopen(markdown, sizeof markdown, "w");
    ck_assert(conf_write_markdown(out));
    fclose(out);
    for (size_t i = 0; i < CONF_COUNT; i++)
    {
        char text[100];
        snprintf(text, sizeof text, "%s=", conf_settings[i].name);
        ck_assert_ptr_nonnull(strstr(example, text));
        snprintf(text, sizeof text, "| `%s` |", conf_settings[i].name);
        ck_assert_ptr_nonnull(strstr(markdown, text));
        ck_assert(!conf_is_secret(&conf_settings[i]) || conf_settings[i].otherwise[0] == '\0');
    }
}
END_TEST

int main(void)
{
    struct suite_case cases[] = {
        {conf__requires_what_a_program_uses_and_no_more, sizeof required / sizeof required[0]},
        {conf__checks_each_value_by_its_type, sizeof values / sizeof values[0]},
        {conf__never_shows_a_secret_in_its_complaint, 1},
        {conf__has_the_defaults_of_the_table, 1},
        {conf__takes_the_environment_before_the_file_before_the_default, 1},
        {conf__reads_dot_env_only_when_no_file_is_named, 1},
        {conf__reads_values_from_files, 1},
        {conf__refuses_unknown_names_in_a_file_with_a_suggestion, 1},
        {conf__reloads_what_may_change_and_keeps_the_rest, 1},
        {conf__gives_its_secrets_to_the_mask, 1},
        {conf__writes_an_example_that_it_reads_itself, 1},
        {conf__reads_the_example_of_the_repository, 1},
        {conf__describes_every_setting_in_both_documents, 1},
    };
    return suite_run("conf", cases, sizeof cases / sizeof cases[0]);
}
