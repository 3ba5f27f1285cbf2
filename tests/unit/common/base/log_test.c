/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/log.h"

#include "common/base/clock.h"
#include "common/json/json.h"
#include "tests/support/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct arena *arena;
static int captured = -1;

/* From here on stderr is a file without a name. */
static void capture(void)
{
    FILE *file = tmpfile();
    ck_assert_ptr_nonnull(file);
    captured = fileno(file);
    ck_assert_int_ge(dup2(captured, STDERR_FILENO), 0);
    arena = arena_new(64 << 20);
}

static char *captured_text(void)
{
    off_t len = lseek(captured, 0, SEEK_END);
    char *text = arena_alloc(arena, (size_t)len + 1);
    ck_assert_int_eq(pread(captured, text, (size_t)len, 0), len);
    return text;
}

/* The n-th line, read as strictly as JSON can be. */
static const struct json *line_at(int n)
{
    char *line = captured_text();
    while (n-- > 0)
        line = strchr(line, '\n') + 1;
    const struct json *doc = NULL;
    struct err err = ERR_INIT;
    ck_assert_msg(json_parse(arena, line, strcspn(line, "\n"), &doc, &err) == E_OK, "%s: %s", err.text, line);
    return doc;
}

static const char *text_at(int n, const char *field)
{
    return json_text(json_get(line_at(n), field), NULL);
}

static int line_count(void)
{
    int count = 0;
    for (const char *at = captured_text(); (at = strchr(at, '\n')) != NULL; at++)
        count++;
    return count;
}

/* req: S311, S312 */
START_TEST(log__writes_one_json_object_a_line)
{
    capture();
    log_open("unit", LOG_INFO);
    log_info("started", "port %d", 3000);
    log_context_set((struct log_context){.request_id = "req-12345", .user_id = "u1", .job_id = ""});
    log_error("failed", "a \"quoted\"\nline with \x01 and \xff and <b>");
    log_close();
    int64_t wall_ms = 0;
    ck_assert(clock_parse(text_at(0, "timestamp"), &wall_ms));
    ck_assert_int_le(clock_wall_ms() - wall_ms, 60000);
    ck_assert_str_eq(text_at(0, "level"), "info");
    ck_assert_str_eq(text_at(0, "service"), "unit");
    ck_assert_str_eq(text_at(0, "event"), "started");
    ck_assert_str_eq(text_at(0, "message"), "port 3000");
    ck_assert(json_get(line_at(0), "request_id") != NULL && json_is_null(json_get(line_at(0), "request_id")));
    ck_assert_str_eq(text_at(1, "level"), "error");
    ck_assert_str_eq(text_at(1, "request_id"), "req-12345");
    ck_assert_str_eq(text_at(1, "user_id"), "u1");
    ck_assert(json_is_null(json_get(line_at(1), "job_id")));
    ck_assert_str_eq(text_at(1, "message"), "a \"quoted\"\nline with \x01 and \xef\xbf\xbd and <b>");
    ck_assert_int_eq(line_count(), 2);
}
END_TEST

/* req: S305 part: S304, S306 */
START_TEST(log__hides_what_is_below_its_level)
{
    enum log_level level = LOG_ERROR;
    capture();
    log_open("unit", LOG_INFO);
    log_trace("t", "x");
    log_debug("d", "x");
    log_info("i", "x");
    log_set_level(LOG_TRACE);
    log_trace("t2", "x");
    ck_assert(log_enabled(LOG_TRACE));
    log_set_level(LOG_ERROR);
    log_warn("w", "x");
    log_close();
    ck_assert_int_eq(line_count(), 2);
    ck_assert_str_eq(text_at(0, "event"), "i");
    ck_assert_str_eq(text_at(1, "event"), "t2");
    ck_assert(log_level_parse("Debug", &level));
    ck_assert_int_eq(level, LOG_DEBUG);
    ck_assert(!log_level_parse("loud", &level));
    ck_assert_int_eq(level, LOG_DEBUG);
}
END_TEST

/* req: S32 part: S31, S310 */
START_TEST(log__masks_secrets_in_every_text)
{
    capture();
    log_mask("0123456789abcdef");
    log_context_set((struct log_context){.request_id = "0123456789abcdef"});
    log_open("unit", LOG_INFO);
    log_info("connect", "postgres://u:hunter2@db/x with 0123456789abcdef");
    log_close();
    ck_assert_str_eq(text_at(0, "message"), "postgres://u:***@db/x with ***");
    ck_assert_str_eq(text_at(0, "request_id"), "***");
    ck_assert_ptr_null(strstr(captured_text(), "hunter2"));
    ck_assert_ptr_null(strstr(captured_text(), "0123456789abcdef"));
}
END_TEST

START_TEST(log__cuts_long_lines_and_stays_json)
{
    static char text[30000];
    memset(text, "a\"\x01\xc3"[_i], sizeof text - 1);
    capture();
    log_mask("aaaaaaaaaaaa");
    log_open("unit", LOG_INFO);
    log_info("long", "%s", text);
    log_info("next", "short");
    log_close();
    ck_assert_uint_le(strcspn(captured_text(), "\n"), 8192);
    ck_assert_str_eq(text_at(0, "event"), "long");
    ck_assert_ptr_nonnull(text_at(0, "message"));
    ck_assert_str_eq(text_at(1, "message"), "short");
}
END_TEST

START_TEST(log__shows_no_half_of_a_secret_where_it_cuts)
{
    static char text[6200];
    memset(text, '.', sizeof text - 1);
    memcpy(text + 6134, "hidden-and-very-long-value", 26);
    capture();
    log_mask("hidden-and-very-long-value");
    log_info("long", "%s", text);
    ck_assert_ptr_null(strstr(captured_text(), "hidden"));
}
END_TEST

static void *talk(void *name)
{
    log_context_set((struct log_context){.job_id = name});
    for (int i = 0; i < 500; i++)
        log_info("talk", "%d", i);
    return NULL;
}

START_TEST(log__keeps_each_threads_context_and_order)
{
    char names[4][2] = {"0", "1", "2", "3"};
    pthread_t threads[4];
    capture();
    log_open("unit", LOG_INFO);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, talk, names[i]), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    log_close();
    ck_assert_int_eq(line_count() + (int)log_dropped(), 2000);
    int next[4] = {0};
    char *line = captured_text();
    for (char *end = strchr(line, '\n'); end != NULL; line = end + 1, end = strchr(line, '\n'))
    {
        const struct json *doc = NULL;
        struct err err = ERR_INIT;
        ck_assert_int_eq(json_parse(arena, line, (size_t)(end - line), &doc, &err), E_OK);
        int who = atoi(json_text(json_get(doc, "job_id"), "x"));
        int count = atoi(json_text(json_get(doc, "message"), "x"));
        ck_assert_int_ge(count, next[who]);
        next[who] = count + 1;
    }
}
END_TEST

/* part: S272 -- the caller never waits for a reader that is stuck */
START_TEST(log__drops_and_counts_when_nobody_reads)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_ge(dup2(ends[1], STDERR_FILENO), 0);
    char text[4000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    log_open("unit", LOG_INFO);
    int64_t slowest_ns = 0;
    for (int i = 0; i < 1000; i++)
    {
        int64_t from = clock_mono_ns();
        log_info("flood", "%s", text);
        int64_t took = clock_mono_ns() - from;
        slowest_ns = took > slowest_ns ? took : slowest_ns;
    }
    ck_assert_uint_gt(log_dropped(), 100);
    ck_assert_int_lt(slowest_ns, INT64_C(2000000000));
    int64_t from = clock_mono_ms();
    log_close();
    ck_assert_int_lt(clock_mono_ms() - from, 5000);
    close(ends[0]);
}
END_TEST

/* part: S271, S272, S274 */
START_TEST(log__survives_a_full_disk_and_resumes)
{
    int full = open("/dev/full", O_WRONLY);
    ck_assert_int_ge(full, 0);
    ck_assert_int_ge(dup2(full, STDERR_FILENO), 0);
    log_info("lost", "x");
    ck_assert_uint_eq(log_dropped(), 1);
    errno = EBADF;
    log_info("lost", "x");
    ck_assert_int_eq(errno, EBADF);
    capture();
    log_info("back", "x");
    ck_assert_uint_eq(log_dropped(), 2);
    ck_assert_str_eq(text_at(0, "event"), "back");
}
END_TEST

START_TEST(log__writes_at_once_while_not_open)
{
    capture();
    log_info("before", "x");
    ck_assert_str_eq(text_at(0, "event"), "before");
    log_open("unit", LOG_INFO);
    log_close();
    log_close();
    log_info("after", "x");
    ck_assert_str_eq(text_at(1, "event"), "after");
    ck_assert_str_eq(text_at(1, "service"), "unit");
}
END_TEST

START_TEST(log__gives_back_the_context_before)
{
    struct log_context none = log_context_set((struct log_context){.job_id = "j"});
    ck_assert_ptr_null(none.job_id);
    struct log_context mine = log_context_set(none);
    ck_assert_str_eq(mine.job_id, "j");
    ck_assert_ptr_null(log_context_get().job_id);
}
END_TEST

int main(void)
{
    struct suite_case cases[] = {
        {log__writes_one_json_object_a_line, 1},
        {log__hides_what_is_below_its_level, 1},
        {log__masks_secrets_in_every_text, 1},
        {log__cuts_long_lines_and_stays_json, 4},
        {log__shows_no_half_of_a_secret_where_it_cuts, 1},
        {log__keeps_each_threads_context_and_order, 1},
        {log__drops_and_counts_when_nobody_reads, 1},
        {log__survives_a_full_disk_and_resumes, 1},
        {log__writes_at_once_while_not_open, 1},
        {log__gives_back_the_context_before, 1},
    };
    return suite_run("log", cases, sizeof cases / sizeof cases[0]);
}
