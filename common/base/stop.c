/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/stop.h"

#include "common/base/log.h"

#include <pthread.h>
#include <signal.h>
#include <stddef.h>
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

void stop_prepare(void)
{
    sigset_t set = stop_signals();
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
}

static void *second_signal(void *of)
{
    (void)of;
    int number = next_signal();
    log_warn("signal", "Received signal %d again, ending now", number);
    log_close();
    _exit(KILLED_BY_SIGNAL + number);
}

int stop_wait(void)
{
    pthread_t watcher;
    int number = next_signal();
    if (pthread_create(&watcher, NULL, second_signal, NULL) == 0)
        pthread_detach(watcher);
    return number;
}
