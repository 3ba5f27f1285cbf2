/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/notify.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/parse.h"

#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = path == NULL ? 0 : strlen(path);
    if (len < 2 || len >= sizeof address.sun_path || (path[0] != '/' && path[0] != '@'))
        return;
    memcpy(address.sun_path, path, len);
    if (path[0] == '@') /* an abstract name begins with a NUL */
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&address, size) < 0)
        log_debug("notify", "the service manager does not take %s", state);
    close(fd);
}

struct watchdog
{
    pthread_mutex_t lock; /* guards `stopping` */
    pthread_cond_t wake;
    bool stopping;
    pthread_t thread;
    int64_t period_ms;
    bool (*lives)(void *of);
    void *of;
};

/* The manager's time is for the process that it names. */
static int64_t asked_ms(void)
{
    const char *time_us = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");
    int64_t us = 0;
    int64_t whose = 0;
    if (time_us == NULL || !parse_i64(time_us, &us) || us < 1000)
        return 0;
    if (pid != NULL && (!parse_i64(pid, &whose) || whose != getpid()))
        return 0;
    return us / 1000;
}

static bool rest(struct watchdog *watchdog)
{
    struct timespec until = clock_mono_after_ms(watchdog->period_ms);
    pthread_mutex_lock(&watchdog->lock);
    while (!watchdog->stopping)
        if (pthread_cond_timedwait(&watchdog->wake, &watchdog->lock, &until) != 0)
            break;
    bool goes_on = !watchdog->stopping;
    pthread_mutex_unlock(&watchdog->lock);
    return goes_on;
}

static void *feed(void *of)
{
    struct watchdog *watchdog = of;
    do
    {
        if (watchdog->lives(watchdog->of))
            notify("WATCHDOG=1");
        else
            log_warn("watchdog",
                     "no answer from its own listener: the service manager is not told that all is well");
    } while (rest(watchdog));
    return NULL;
}

struct watchdog *watchdog_start(bool (*lives)(void *of), void *of)
{
    int64_t time_ms = asked_ms();
    struct watchdog *watchdog = time_ms > 0 ? calloc(1, sizeof *watchdog) : NULL;
    if (watchdog == NULL)
        return NULL;
    watchdog->period_ms = time_ms / 4 + 1;
    watchdog->lives = lives;
    watchdog->of = of;
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&watchdog->wake, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&watchdog->lock, NULL);
    if (pthread_create(&watchdog->thread, NULL, feed, watchdog) == 0)
        return watchdog;
    log_error("watchdog", "no thread for the service manager's watchdog");
    pthread_cond_destroy(&watchdog->wake);
    pthread_mutex_destroy(&watchdog->lock);
    free(watchdog);
    return NULL;
}

void watchdog_stop(struct watchdog *watchdog)
{
    if (watchdog == NULL)
        return;
    pthread_mutex_lock(&watchdog->lock);
    watchdog->stopping = true;
    pthread_cond_signal(&watchdog->wake);
    pthread_mutex_unlock(&watchdog->lock);
    pthread_join(watchdog->thread, NULL);
    pthread_cond_destroy(&watchdog->wake);
    pthread_mutex_destroy(&watchdog->lock);
    free(watchdog);
}
