/* SPDX-License-Identifier: Apache-2.0 */
#include "common/outbox/outbox.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/outbox/internal.h"
#include "common/store/schema.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum
{
    LATER_MS = 50,
    LEAVE_MS = 2000 /* so long statements that are under way are waited for when we leave */
};

static void signal_fd(int fd)
{
    const uint64_t one = 1;
    if (write(fd, &one, sizeof one) < 0)
        return; /* full means that it is signalled already */
}

void outbox_signal(struct outbox *outbox)
{
    signal_fd(outbox->wake_fd);
}

bool outbox_gives_up(const struct outbox *outbox)
{
    const int64_t at_ms = atomic_load(&outbox->give_up_ms);
    return at_ms != 0 && clock_mono_ms() >= at_ms;
}

static bool gives_up(void *of)
{
    return outbox_gives_up(of);
}

void wait_stop(struct outbox *outbox, int64_t wait_ms)
{
    struct pollfd poll_fd = {.fd = outbox->stop_fd, .events = POLLIN};
    poll(&poll_fd, 1, (int)wait_ms);
}

static bool open_news(struct outbox *outbox)
{
    struct epoll_event event = {.events = EPOLLIN};
    outbox->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    outbox->stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    outbox->later_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    outbox->news_fd = epoll_create1(EPOLL_CLOEXEC);
    return outbox->stop_fd >= 0 && epoll_ctl(outbox->news_fd, EPOLL_CTL_ADD, outbox->wake_fd, &event) == 0 &&
           epoll_ctl(outbox->news_fd, EPOLL_CTL_ADD, outbox->later_fd, &event) == 0;
}

static void close_fd(int fd)
{
    if (fd >= 0)
        close(fd);
}

static enum err_code open_pool(struct outbox *outbox, const struct outbox_config *config, struct err *err)
{
    char name[64];
    snprintf(name, sizeof name, "%.40s relay", config->name);
    const struct db_pool_config pool = {.url = config->database_url,
                                        .name = name,
                                        .size = 1,
                                        .get_wait_ms = 1000,
                                        .statement_ms = 10000,
                                        .plans = DB_PLANS_LOOKUPS,
                                        .check = schema_check,
                                        .away = gives_up,
                                        .away_of = outbox};
    return db_pool_open(&pool, &outbox->pool, err);
}

static enum err_code open_all(const struct outbox_config *config, struct outbox *outbox, struct err *err)
{
    enum err_code code = open_pool(outbox, config, err);
    if (code == E_OK)
        code = mq_publisher_open(config->mq, &outbox->publisher, err);
    if (!open_news(outbox) && code == E_OK)
        code = fail(err, E_NO_MEMORY, "out of file descriptors");
    return code;
}

static void close_all(struct outbox *outbox)
{
    offers_close(&outbox->offers);
    mq_publisher_close(outbox->publisher);
    db_pool_close(outbox->pool);
    close_fd(outbox->news_fd);
    close_fd(outbox->later_fd);
    close_fd(outbox->wake_fd);
    close_fd(outbox->stop_fd);
    pthread_mutex_destroy(&outbox->local_lock);
    fresh_drop(outbox);
    pthread_mutex_destroy(&outbox->fresh_lock);
    free(outbox);
}

void outbox_leave(struct outbox *outbox)
{
    if (outbox == NULL || atomic_load(&outbox->stopping))
        return;
    atomic_store(&outbox->give_up_ms, clock_mono_ms() + LEAVE_MS);
    atomic_store(&outbox->stopping, true);
    signal_fd(outbox->stop_fd);
    outbox_signal(outbox);
}

enum err_code outbox_start(const struct outbox_config *config, struct outbox **out, struct err *err)
{
    struct outbox *outbox = calloc(1, sizeof *outbox);
    if (outbox == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    outbox->mq = config->mq;
    outbox->verified = -1;
    pthread_mutex_init(&outbox->local_lock, NULL);
    pthread_mutex_init(&outbox->fresh_lock, NULL);
    enum err_code code = open_all(config, outbox, err);
    if (code == E_OK && config->eager)
        code = offers_open(&outbox->offers, config->mq, err);
    if (code == E_OK && pthread_create(&outbox->relay, NULL, relay_run, outbox) != 0)
        code = fail(err, E_NO_MEMORY, "out of threads");
    if (code != E_OK)
    {
        close_all(outbox);
        return code;
    }
    *out = outbox;
    return E_OK;
}

void outbox_deliver_to(struct outbox *outbox, const struct outbox_local *local)
{
    atomic_store(&outbox->closing, local == NULL);
    if (local == NULL)
        atomic_store(&outbox->give_up_ms, clock_mono_ms() + LEAVE_MS);
    pthread_mutex_lock(&outbox->local_lock);
    atomic_store(&outbox->give_up_ms, 0);
    outbox->local = local != NULL ? *local : (struct outbox_local){.worker = NULL};
    if (local != NULL)
        snprintf(outbox->local_subjects, sizeof outbox->local_subjects, "sokoul.jobs.%.40s.%%",
                 local->worker);
    pthread_mutex_unlock(&outbox->local_lock);
}

void outbox_has_room(struct outbox *outbox)
{
    if (atomic_exchange(&outbox->starved, false))
        outbox_signal(outbox);
}

/* Its wake-up wakes nobody: the relay takes it with its neighbours, when this job has begun. */
static void wake_later(struct outbox *outbox)
{
    const struct itimerspec in = {.it_value = {.tv_nsec = LATER_MS * 1000000L}};
    if (!atomic_exchange(&outbox->later, true))
        timerfd_settime(outbox->later_fd, 0, &in, NULL);
}

void outbox_publish(struct outbox *outbox, const struct outbox_fresh *fresh)
{
    if (fresh->given != NULL && fresh->count == 1)
    {
        offers_tell(&outbox->offers, fresh);
        wake_later(outbox);
        return;
    }
    for (size_t i = 0; i < fresh->count; i++)
        fresh_add(outbox, &fresh->rows[i]);
    outbox_signal(outbox);
}

void outbox_wake(struct outbox *outbox)
{
    atomic_store(&outbox->own, true);
    outbox_signal(outbox);
}

void outbox_stop(struct outbox *outbox)
{
    if (outbox == NULL)
        return;
    outbox_leave(outbox);
    pthread_join(outbox->relay, NULL);
    close_all(outbox);
}
