/* SPDX-License-Identifier: Apache-2.0 */
#include "common/outbox/outbox.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/outbox/internal.h"
#include "common/store/schema.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum
{
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

static bool open_events(struct outbox *outbox)
{
    outbox->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    outbox->stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return outbox->wake_fd >= 0 && outbox->stop_fd >= 0;
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
    if (!open_events(outbox) && code == E_OK)
        code = fail(err, E_NO_MEMORY, "out of file descriptors");
    return code;
}

static void close_all(struct outbox *outbox)
{
    recipients_close(&outbox->recipients);
    mq_publisher_close(outbox->publisher);
    db_pool_close(outbox->pool);
    close_fd(outbox->wake_fd);
    close_fd(outbox->stop_fd);
    local_fini(&outbox->local);
    committed_forget(outbox);
    pthread_mutex_destroy(&outbox->committed.lock);
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
    outbox->state = relay_state_new();
    local_init(&outbox->local);
    pthread_mutex_init(&outbox->committed.lock, NULL);
    enum err_code code = open_all(config, outbox, err);
    if (code == E_OK && config->hands_off)
        code = recipients_open(&outbox->recipients, config->mq, err);
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

void outbox_publish(struct outbox *outbox, const struct just_committed *committed)
{
    if (committed->handed_off != NULL && committed->count == 1)
    {
        recipients_tell(&outbox->recipients, committed);
        return;
    }
    for (size_t i = 0; i < committed->count; i++)
        committed_add(outbox, &committed->rows[i]);
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
