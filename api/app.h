/* SPDX-License-Identifier: Apache-2.0 */
/*
 * app.h -- what one sokoul-api process consists of, made in main() and passed to everyone.
 *
 * Plain data: main() owns every member and frees them after the server has stopped.  Members are
 * set before server_start and not changed afterwards, but through their own functions; only `conf` is another
 * one after the settings were read again, and those before stay readable until the end.
 * Threads: reading is free.
 */
#ifndef SOKOUL_API_APP_H
#define SOKOUL_API_APP_H

#include <stdbool.h>
#include <stdint.h>

struct conf;
struct db_pool;
struct health;
struct limiter;
struct token_keys;
struct keys;
struct revoked;
struct just_committed;
struct job_recipient;

struct app
{
    const struct conf
        *_Atomic conf;  /* the newest: who reads several settings that belong together reads this once */
    struct db_pool *db; /* handlers use request_db */
    struct db_pool *db_batches; /* of the lane of batches: its connections may only look rows up */
    struct health *health;
    struct token_keys *tokens;
    struct revoked *revoked; /* access tokens and API keys that have ended */
    struct keys *keys;       /* API keys that were used a moment ago */
    struct limiter *limiter; /* what was answered in the last minute */
    int64_t started_ms;      /* monotonic */

    /* After a commit that wrote outbox rows: tells the relay, never blocks.  Use app_wake, or app_publish
     * with rows whose contents are known. */
    void (*wake)(void *of);
    void (*publish)(void *of, const struct just_committed *committed);
    /* An idle worker of that name, for one job that is accepted now; false: there is none. */
    bool (*recipient)(void *of, const char *worker, struct job_recipient *recipient);
    void *wake_of;
    /* How many wake-ups wait for NATS, as of the latest look: past OUTBOX_MAX no new job is accepted. */
    int64_t (*backlog)(void *of);
    void *backlog_of;
};

static inline int64_t app_backlog(const struct app *app)
{
    return app->backlog != 0 ? app->backlog(app->backlog_of) : 0;
}

static inline void app_wake(const struct app *app)
{
    if (app->wake != 0)
        app->wake(app->wake_of);
}

static inline bool app_recipient(const struct app *app, const char *worker, struct job_recipient *recipient)
{
    return app->recipient != 0 && worker != 0 && app->recipient(app->wake_of, worker, recipient);
}

static inline void app_publish(const struct app *app, const struct just_committed *committed)
{
    if (app->publish != 0)
        app->publish(app->wake_of, committed);
}

#endif
