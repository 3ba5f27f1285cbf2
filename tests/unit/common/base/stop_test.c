/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/stop.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "tests/support/suite.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char told[4096];

static void *stop_too(void *of)
{
    (void)of;
    stop_now("another thread has had enough");
}

static void past_the_deadline(void)
{
    stop_within(200, 7);
    for (;;)
        pause();
}

static void at_once(void)
{
    stop_now("%d threads do not end", 3);
}

static void by_two_threads(void)
{
    pthread_t other;
    pthread_create(&other, NULL, stop_too, NULL);
    stop_now("the main thread has had enough");
}

static void before_the_deadline(void)
{
    stop_within(60000, 60);
    log_close();
    exit(3);
}

static int hangups;

static void on_hangup(void *of)
{
    (void)of;
    hangups++;
    raise(hangups == 1 ? SIGHUP : SIGTERM);
}

static void on_look(void *of)
{
    (void)of;
}

/* One that comes before the wait counts, and the parent was nohup. */
static void after_two_hangups(void)
{
    const struct stop_chores chores = {.hangup = on_hangup, .look = on_look};
    signal(SIGHUP, SIG_IGN);
    stop_prepare();
    raise(SIGHUP);
    const int number = stop_wait(&chores);
    log_info("done", "%d hangups, then signal %d", hangups, number);
    log_close();
    exit(3);
}

static void look_once(void *of)
{
    (void)of;
    raise(SIGTERM);
}

static void after_a_look(void)
{
    const struct stop_chores chores = {.hangup = on_hangup, .look = look_once};
    stop_prepare();
    stop_wait(&chores);
    exit(3);
}

static const struct
{
    void (*run)(void);
    int status;
    const char *line; /* in the log */
} rows[] = {{past_the_deadline, 75, "Shutdown timeout (7s) reached, forcing exit"},
            {at_once, 75, "3 threads do not end, forcing exit"},
            {by_two_threads, 75, "has had enough, forcing exit"},
            {before_the_deadline, 3, ""},
            {after_two_hangups, 3, "2 hangups, then signal 15"},
            {after_a_look, 3, ""}};

/* The child's exit status; its log is in `told`. */
static int run_child(void (*run)(void))
{
    int ends[2];
    int status = 0;
    size_t len = 0;
    ck_assert_int_eq(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0)
    {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        log_open("stop_test", LOG_INFO);
        run();
        _exit(1);
    }
    close(ends[1]);
    for (ssize_t n; (n = read(ends[0], told + len, sizeof told - 1 - len)) > 0; len += (size_t)n)
        continue;
    told[len] = '\0';
    close(ends[0]);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

START_TEST(stop__ends_the_process_with_a_line_whatever_its_threads_do)
{
    const int64_t began_ms = clock_mono_ms();
    ck_assert_int_eq(run_child(rows[_i].run), rows[_i].status);
    ck_assert_ptr_nonnull(strstr(told, rows[_i].line));
    ck_assert_int_lt(clock_mono_ms() - began_ms, 20000);
}
END_TEST

int main(void)
{
    const struct suite_case cases[] = {
        {stop__ends_the_process_with_a_line_whatever_its_threads_do, sizeof rows / sizeof rows[0]}};
    return suite_run("stop", cases, sizeof cases / sizeof cases[0]);
}
