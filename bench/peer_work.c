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
    BATCH_ROWS = 512,
    LINE = 64
};

/* A batch that forms while the one before is being written. */
struct batch
{
    const char *ids[BATCH_ROWS];
    int count;
    bool written;
    enum err_code code;
    int leavers; /* members that have not seen the outcome */
};

struct peer_work
{
    const struct handler *handler;
    int64_t stop_after;
    int64_t wait_ms;
    int log_fd;
    struct db_pool *pool; /* of pgbatch: one connection */

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t news;
    struct batch *forming;
    bool writing;
    int64_t done;
    int64_t start_ns;
    int64_t first_ns;
};

struct handler
{
    const char *name;
    enum err_code (*run)(struct peer_work *work, struct job *job, const struct json *body, struct err *err);
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

/* ---- one INSERT for whoever is there ---------------------------------------------------------- */

static enum err_code write_batch(struct peer_work *work, const struct batch *batch, struct err *err)
{
    struct arena *arena = arena_new((size_t)1 << 20);
    struct db *db = NULL;
    if (arena == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    const char *params[] = {db_param_array(arena, batch->ids, (size_t)batch->count)};
    enum err_code code = db_get(work->pool, &db, err);
    if (code == E_OK)
        code = db_run(db, &many_stmt, params, NULL, err);
    db_put(db);
    arena_free(arena);
    return code;
}

/* With the lock held: the first of a batch writes it as soon as the one before is through. */
static void lead(struct peer_work *work, struct batch *batch, struct err *err)
{
    while (work->writing)
        pthread_cond_wait(&work->news, &work->lock);
    work->writing = true;
    if (work->forming == batch)
        work->forming = NULL;
    pthread_mutex_unlock(&work->lock);
    enum err_code code = write_batch(work, batch, err);
    pthread_mutex_lock(&work->lock);
    work->writing = false;
    batch->code = code;
    batch->written = true;
    pthread_cond_broadcast(&work->news);
}

static struct batch *join(struct peer_work *work, const char *id, bool *leads)
{
    *leads = work->forming == NULL || work->forming->count == BATCH_ROWS;
    if (*leads)
        work->forming = calloc(1, sizeof *work->forming);
    struct batch *batch = work->forming;
    if (batch == NULL)
        give_up("out of memory");
    batch->ids[batch->count++] = id;
    batch->leavers++;
    return batch;
}

static enum err_code run_pgbatch(struct peer_work *work, struct job *job, const struct json *body,
                                 struct err *err)
{
    bool leads = false;
    (void)job;
    pthread_mutex_lock(&work->lock);
    struct batch *batch = join(work, id_of(body), &leads);
    if (leads)
        lead(work, batch, err);
    while (!batch->written)
        pthread_cond_wait(&work->news, &work->lock);
    enum err_code code = batch->code;
    bool last = --batch->leavers == 0;
    pthread_mutex_unlock(&work->lock);
    if (last)
        free(batch);
    return code == E_OK || leads ? code : fail(err, code, "the batch was not written");
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
    {"noop", run_noop, 16, 2}, {"pg", run_pg, 32, 32},  {"pgbatch", run_pgbatch, 256, 2},
    {"log", run_log, 64, 2},   {"lat", run_lat, 16, 2},
};

/* ---- the work --------------------------------------------------------------------------------- */

static int64_t env_int(const char *name, int64_t otherwise)
{
    const char *text = getenv(name);
    return text != NULL && *text != '\0' ? strtoll(text, NULL, 10) : otherwise;
}

struct peer_work *peer_work_open(const char *database_url)
{
    const char *name = getenv("HANDLER") != NULL ? getenv("HANDLER") : "noop";
    const char *log = getenv("HANDLER_LOG");
    struct peer_work *work = calloc(1, sizeof *work);
    const struct db_pool_config config = {.url = database_url, .name = "bench results", .size = 1};
    struct err err = ERR_INIT;
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
    must(db_pool_open(&config, &work->pool, &err), &err);
    pthread_mutex_init(&work->lock, NULL);
    pthread_cond_init(&work->news, NULL);
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

static void count_one(struct peer_work *work, int64_t began_ns)
{
    pthread_mutex_lock(&work->lock);
    if (work->first_ns == 0)
        work->first_ns = began_ns;
    if (++work->done == work->stop_after)
    {
        printf("DONE {\"n\":%lld,\"t_start\":%lld,\"t_first\":%lld,\"t_last\":%lld}\n", (long long)work->done,
               (long long)work->start_ns, (long long)work->first_ns, (long long)clock_mono_ns());
        fflush(stdout);
    }
    pthread_mutex_unlock(&work->lock);
}

enum err_code peer_work_run(struct job *job, struct err *err)
{
    struct peer_work *work = job_context(job);
    int64_t began_ns = clock_mono_ns();
    const struct json *body = job_payload(job);
    if (body == NULL)
        return fail(err, E_INVALID, "the body is not JSON");
    enum err_code code = work->handler->run(work, job, body, err);
    if (code == E_OK)
        count_one(work, began_ns);
    return code;
}
