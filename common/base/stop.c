/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/stop.h"

#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/log.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

enum
{
    KILLED_BY_SIGNAL = 128 /* plus its number, as a shell says it */
};

static sigset_t stop_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    return set;
}

static int next_signal(void)
{
    sigset_t set = stop_signals();
    int number = SIGTERM;
    sigwait(&set, &number);
    return number;
}

/* A signal that is ignored is lost even where it is blocked: nohup hands SIGHUP down so. */
void stop_prepare(void)
{
    sigset_t set = stop_signals();
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_DFL);
}

/* The first caller's status counts: the others wait here for the end. */
static _Noreturn void end(int status)
{
    static atomic_flag ending = ATOMIC_FLAG_INIT;
    while (atomic_flag_test_and_set(&ending))
        pause();
    log_close();
    _exit(status);
}

static void *second_signal(void *of)
{
    (void)of;
    int number = next_signal();
    log_warn("signal", "Received signal %d again, ending now", number);
    end(KILLED_BY_SIGNAL + number);
}

/* SIGHUP is asked for in each round anew, so that it never keeps a stop waiting. */
static int wait_with(const struct stop_chores *chores)
{
    const struct timespec look = {STOP_LOOK_MS / 1000, STOP_LOOK_MS % 1000 * 1000000L};
    sigset_t set = stop_signals();
    sigaddset(&set, SIGHUP);
    for (;;)
    {
        const int number = sigtimedwait(&set, NULL, &look);
        if (number == SIGHUP)
            chores->hangup(chores->of);
        else if (number > 0)
            return number;
        else if (errno == EAGAIN)
            chores->look(chores->of);
    }
}

int stop_wait(const struct stop_chores *chores)
{
    pthread_t watcher;
    int number = wait_with(chores);
    if (pthread_create(&watcher, NULL, second_signal, NULL) == 0)
        pthread_detach(watcher);
    return number;
}

void stop_now(const char *fmt, ...)
{
    char why[128];
    va_list args;
    va_start(args, fmt);
    vsnprintf(why, sizeof why, fmt, args);
    va_end(args);
    log_error("shutdown", "%s, forcing exit", why);
    end(err_exit(E_SHUTDOWN));
}

struct deadline
{
    struct timespec at;
    unsigned limit_s;
};

static void *watch_deadline(void *of)
{
    const struct deadline *deadline = of;
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &deadline->at, NULL) !=
           0) /* lint: allow: a deadline */
        continue;
    stop_now("Shutdown timeout (%us) reached", deadline->limit_s);
}

void stop_within(int64_t wait_ms, unsigned limit_s)
{
    static struct deadline deadline;
    pthread_t watcher;
    deadline = (struct deadline){clock_mono_after_ms(wait_ms), limit_s};
    if (pthread_create(&watcher, NULL, watch_deadline, &deadline) == 0)
        pthread_detach(watcher);
}
