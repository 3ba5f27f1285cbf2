/* SPDX-License-Identifier: Apache-2.0 */
#include "common/conf/renew.h"

#include "common/base/moved.h"
#include "tests/support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BEGIN "REDIS_URL=redis://:p@cache:6379/0\nNATS_URL=nats://u:p@mq:4222\nTMDB_API_KEY=k\n"
#define SECRET "01234567890123456789012345678901"
#define FIRST "DATABASE_URL=postgresql://u:one@db:5432/sokoul\nJWT_SECRET=" SECRET "\n" BEGIN

static char folder[64];
static FILE *told;
static struct conf *conf;
static struct conf_renewal renewal;
static char taken[4096];
static const struct conf *taken_conf;

static void remove_folder(void)
{
    unlink("x.env");
    unlink("key");
    ck_assert_int_eq(chdir("/"), 0);
    rmdir(folder);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

static void take(void *of, const struct conf *now, const char *names)
{
    (void)of;
    taken_conf = now;
    snprintf(taken, sizeof taken, "%s", names);
}

static struct stop_chores begin(const char *text)
{
    struct err err = ERR_INIT;
    strcpy(folder, "/tmp/renew_test.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chdir(folder), 0);
    ck_assert_int_eq(clearenv(), 0);
    ck_assert_int_eq(atexit(remove_folder), 0);
    told = tmpfile();
    ck_assert_int_ge(dup2(fileno(told), STDERR_FILENO), 0);
    write_file("key", "from a file, first\n");
    write_file("x.env", text);
    ck_assert_msg(conf_load(CONF_API, "x.env", &conf, &err) == E_OK, "%s", err.text);
    renewal = (struct conf_renewal){.conf = &conf, .take = take};
    return conf_chores(&renewal);
}

/* What the log has had since it was asked last. */
static const char *log_since(void)
{
    static char text[65536];
    static off_t from;
    ssize_t len = pread(fileno(told), text, sizeof text - 1, from);
    ck_assert_int_ge(len, 0);
    text[len] = '\0';
    from += len;
    return text;
}

/* part: S185 S186 */
START_TEST(renew__takes_what_has_changed_and_keeps_what_was_read_before)
{
    const struct stop_chores chores = begin(FIRST "LOG_LEVEL=warn\n");
    struct conf *first = conf;
    write_file("x.env", "DATABASE_URL=postgresql://u:two@db:5432/sokoul\nJWT_SECRET=new-" SECRET
                        "\nDB_POOL_SIZE=30\nLOG_LEVEL=debug\n" BEGIN);
    chores.hangup(chores.of);
    ck_assert_str_eq(taken, "DATABASE_URL, JWT_SECRET, LOG_LEVEL");
    ck_assert_ptr_eq(taken_conf, conf);
    ck_assert_str_eq(conf->jwt_secret, "new-" SECRET);
    ck_assert_uint_eq(conf->db_pool_size, 10);
    ck_assert_str_eq(first->jwt_secret, SECRET);
    ck_assert(log_enabled(LOG_DEBUG));
    ck_assert_str_eq(moved_look(first->database_url).now, "postgresql://u:two@db:5432/sokoul");
    ck_assert_str_eq(moved_look(first->database_url).before, first->database_url);
    const char *text = log_since();
    ck_assert_ptr_nonnull(strstr(text, "DB_POOL_SIZE has changed; that needs a restart"));
    ck_assert_ptr_nonnull(strstr(text, "read again: DATABASE_URL, JWT_SECRET, LOG_LEVEL"));
    conf_free(conf);
}
END_TEST

START_TEST(renew__of_nothing_new_keeps_the_struct)
{
    const struct stop_chores chores = begin(FIRST "PROWLARR_API_KEY_FILE=key\n");
    struct conf *first = conf;
    chores.hangup(chores.of);
    ck_assert_ptr_eq(conf, first);
    ck_assert_ptr_nonnull(strstr(log_since(), "nothing has changed"));
    write_file("key", "from a file, first\n");
    chores.look(chores.of);
    chores.look(chores.of);
    ck_assert_ptr_eq(conf, first);
    ck_assert_ptr_null(taken_conf);
    conf_free(conf);
}
END_TEST

static const struct
{
    const char *text; /* of the env file; NULL: there is none any more */
    const char *named;
} bad[] = {
    {"DATABASE_URL=nonsense\nJWT_SECRET=" SECRET "\n" BEGIN, "DATABASE_URL"},
    {"JWT_SECRET=short\nDATABASE_URL=postgresql://u:one@db:5432/sokoul\n" BEGIN, "JWT_SECRET"},
    {"JWT_SECRET=" SECRET "\n" BEGIN, "DATABASE_URL is required"},
    {FIRST "HTTP_TIMEOUT_S=x\n", "HTTP_TIMEOUT_S"},
    {FIRST "METRICS_ALLOW=everyone\n", "METRICS_ALLOW"},
    {FIRST "PROWLARR_API_KEY_FILE=missing\n", "PROWLARR_API_KEY_FILE"},
    {FIRST "HTTP_TIMEUOT_S=3\n", "did you mean HTTP_TIMEOUT_S?"},
    {FIRST "no equals sign\n", "x.env:"},
    {NULL, "x.env"},
};

/* part: S185 S186 */
START_TEST(renew__of_a_bad_file_changes_nothing_and_names_the_setting_once)
{
    const struct stop_chores chores = begin(FIRST);
    struct conf *first = conf;
    if (bad[_i].text != NULL)
        write_file("x.env", bad[_i].text);
    else
        unlink("x.env");
    chores.hangup(chores.of);
    ck_assert_ptr_eq(conf, first);
    ck_assert_ptr_null(taken_conf);
    const char *text = log_since();
    ck_assert_msg(strstr(text, bad[_i].named) != NULL, "%s", text);
    ck_assert_ptr_nonnull(strstr(text, "\"level\":\"error\""));
    ck_assert_ptr_eq(strchr(text, '\n') + 1, text + strlen(text));
    conf_free(conf);
}
END_TEST

/* part: S186 */
START_TEST(renew__sees_by_itself_that_a_secret_file_has_changed)
{
    const struct stop_chores chores = begin(FIRST "PROWLARR_API_KEY_FILE=key\n");
    chores.look(chores.of);
    ck_assert_ptr_null(taken_conf);
    write_file("key", "from a file, second\n");
    chores.look(chores.of);
    ck_assert_str_eq(taken, "PROWLARR_API_KEY");
    ck_assert_str_eq(conf->prowlarr_api_key, "from a file, second");
    (void)log_since();
    unlink("key");
    chores.look(chores.of);
    ck_assert_ptr_nonnull(strstr(log_since(), "PROWLARR_API_KEY_FILE"));
    chores.look(chores.of);
    ck_assert_str_eq(log_since(), "");
    write_file("key", "from a file, third\n");
    chores.look(chores.of);
    ck_assert_str_eq(conf->prowlarr_api_key, "from a file, third");
    conf_free(conf);
}
END_TEST

int main(void)
{
    const struct suite_case cases[] = {
        {renew__takes_what_has_changed_and_keeps_what_was_read_before, 1},
        {renew__of_nothing_new_keeps_the_struct, 1},
        {renew__of_a_bad_file_changes_nothing_and_names_the_setting_once, sizeof bad / sizeof bad[0]},
        {renew__sees_by_itself_that_a_secret_file_has_changed, 1},
    };
    return suite_run("renew", cases, sizeof cases / sizeof cases[0]);
}
