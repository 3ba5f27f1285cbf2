/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/peer_work.h"

#include "bench/option.h"
#include "common/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum
{
    LINE = 64
};

struct peer_work
{
    const struct handler *handler;
    int64_t stop_after;
    int64_t wait_ms;
    int log_fd;

    pthread_mutex_t lock; /* guards all below */
    int64_t done;
    int64_t start_ns;
    int64_t first_ns;
};

struct handler
{
    const char *name;
    enum err_code (*run)(struct peer_work *work, struct job *job, const struct json *body, struct err *err);
    enum err_code (*run_batch)(struct peer_work *work, struct job *const *jobs, size_t count,
                               struct err *err);
    int concurrency;
    int connections;
};

static const struct db_stmt one_stmt = {
    "peer_one", "INSERT INTO results (job_id, status, result) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", 3};
static const struct db_stmt many_stmt = {
    "peer_many",
    "INSERT INTO results (job_id, status, result) SELECT id, 'succeeded', '{\"ok\":true}' FROM "
    "unnest($1::text[]) AS t(id) ON CONFLICT DO NOTHING",
    1};

static const char *id_of(const struct json *body)
{
    return json_text(json_get(body, "id"), "");
}

static enum err_code run_noop(struct peer_work *work, struct job *job, const struct json *body,
                              struct err *err)
{
    (void)work;
    (void)job;
    (void)body;
    (void)err;
    return E_OK;
}

static enum err_code run_pg(struct peer_work *work, struct job *job, const struct json *body, struct err *err)
{
    const char *params[] = {id_of(body), "succeeded", "{\"ok\":true}"};
    struct db *db = NULL;
    (void)work;
    enum err_code code = job_db(job, &db, err);
    if (code == E_OK)
        code = db_run(db, &one_stmt, params, NULL, err);
    db_put(db);
    return code;
}

/* ---- one INSERT for all of a batch ------------------------------------------------------------- */

static enum err_code run_pgbatch(struct peer_work *work, struct job *const *jobs, size_t count,
                                 struct err *err)
{
    struct arena *arena = job_arena(jobs[0]);
    const char **ids = arena_array(arena, count, sizeof *ids);
    struct db *db = NULL;
    (void)work;
    for (size_t i = 0; ids != NULL && i < count; i++)
        ids[i] = id_of(job_payload(jobs[i]));
    const char *params[] = {ids != NULL ? db_param_array(arena, ids, count) : NULL};
    if (arena_failed(arena))
        return fail(err, E_NO_MEMORY, "out of memory");
    enum err_code code = job_db(jobs[0], &db, err);
    if (code == E_OK)
        code = db_run(db, &many_stmt, params, NULL, err);
    db_put(db);
    return code;
}

/* ---- files ------------------------------------------------------------------------------------ */

static void append(struct peer_work *work, const char *line, int len)
{
    if (write(work->log_fd, line, (size_t)len) != len)
        give_up("HANDLER_LOG");
}

static enum err_code run_log(struct peer_work *work, struct job *job, const struct json *body,
                             struct err *err)
{
    char line[LINE];
    append(work, line, snprintf(line, sizeof line, "S %.40s\n", id_of(body)));
    enum err_code code = work->wait_ms > 0 ? job_wait(job, work->wait_ms, err) : E_OK;
    if (code == E_OK)
        append(work, line, snprintf(line, sizeof line, "D %.40s\n", id_of(body)));
    return code;
}

static enum err_code run_lat(struct peer_work *work, struct job *job, const struct json *body,
                             struct err *err)
{
    char line[LINE];
    int64_t now_ns = clock_mono_ns();
    int64_t sent_ns = strtoll(json_text(json_get(body, "t"), "0"), NULL, 10);
    (void)job;
    (void)err;
    append(work, line, snprintf(line, sizeof line, "%lld\n", (long long)(now_ns - sent_ns)));
    return E_OK;
}

static const struct handler handlers[] = {
    {.name = "noop", .run = run_noop, .concurrency = 16, .connections = 2},
    {.name = "pg", .run = run_pg, .concurrency = 32, .connections = 32},
    {.name = "pgbatch", .run_batch = run_pgbatch, .concurrency = 16, .connections = 2},
    {.name = "log", .run = run_log, .concurrency = 64, .connections = 2},
    {.name = "lat", .run = run_lat, .concurrency = 16, .connections = 2},
};

/* ---- the work --------------------------------------------------------------------------------- */

static int64_t env_int(const char *name, int64_t otherwise)
{
    const char *text = getenv(name);
    return text != NULL && *text != '\0' ? strtoll(text, NULL, 10) : otherwise;
}

struct peer_work *peer_work_open(void)
{
    const char *name = getenv("HANDLER") != NULL ? getenv("HANDLER") : "noop";
    const char *log = getenv("HANDLER_LOG");
    struct peer_work *work = calloc(1, sizeof *work);
    if (work == NULL)
        give_up("out of memory");
    for (size_t i = 0; i < sizeof handlers / sizeof handlers[0]; i++)
        if (strcmp(handlers[i].name, name) == 0)
            work->handler = &handlers[i];
    errno = 0;
    if (work->handler == NULL)
        give_up("HANDLER must be noop, pg, pgbatch, log or lat");
    work->stop_after = env_int("STOP_AFTER", 0);
    work->wait_ms = env_int("HANDLER_MS", 2);
    work->log_fd = log != NULL ? open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666) : -1;
    if (log != NULL && work->log_fd < 0)
        give_up(log);
    pthread_mutex_init(&work->lock, NULL);
    return work;
}

void peer_work_ready(struct peer_work *work)
{
    work->start_ns = clock_mono_ns();
    puts("READY");
    fflush(stdout);
}

int peer_work_concurrency(const struct peer_work *work)
{
    return (int)env_int("CONCURRENCY", work->handler->concurrency);
}

int peer_work_connections(const struct peer_work *work)
{
    return (int)env_int("CONNECTIONS", work->handler->connections);
}

static void count_done(struct peer_work *work, int64_t began_ns, size_t n)
{
    pthread_mutex_lock(&work->lock);
    if (work->first_ns == 0)
        work->first_ns = began_ns;
    bool before = work->done < work->stop_after;
    work->done += (int64_t)n;
    if (before && work->done >= work->stop_after)
    {
        printf("DONE {\"n\":%lld,\"t_start\":%lld,\"t_first\":%lld,\"t_last\":%lld}\n", (long long)work->done,
               (long long)work->start_ns, (long long)work->first_ns, (long long)clock_mono_ns());
        fflush(stdout);
    }
    pthread_mutex_unlock(&work->lock);
}

static enum err_code run(struct job *job, struct err *err)
{
    struct peer_work *work = job_context(job);
    int64_t began_ns = clock_mono_ns();
    const struct json *body = job_payload(job);
    if (body == NULL)
        return fail(err, E_INVALID, "the body is not JSON");
    enum err_code code = work->handler->run(work, job, body, err);
    if (code == E_OK)
        count_done(work, began_ns, 1);
    return code;
}

static enum err_code run_batch(struct job *const *jobs, size_t count, struct err *err)
{
    struct peer_work *work = job_context(jobs[0]);
    int64_t began_ns = clock_mono_ns();
    enum err_code code = work->handler->run_batch(work, jobs, count, err);
    if (code == E_OK)
        count_done(work, began_ns, count);
    return code;
}

struct job_kind_row peer_work_kind(const struct peer_work *work)
{
    return work->handler->run_batch != NULL ? (struct job_kind_row){.kind = "noop", .run_batch = run_batch}
                                            : (struct job_kind_row){.kind = "noop", .run = run};
}
