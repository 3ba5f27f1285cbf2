/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/peer_enqueue.h"

#include "bench/option.h"
#include "common/base/clock.h"
#include "common/base/id.h"
#include "common/outbox/outbox.h"
#include "common/store/jobs.h"
#include "common/store/outbox.h"

#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum
{
    WINDOW = 64,
    EXECUTORS = 2,
    BULK = 1000,
    TELL_MS = 5,
    BODY_MAX = 4096,
    AFTER_ERROR_MS = 50,
    PACE_LANES = 4,
    ARENA_BYTES = 64 * 1024 * 1024
};

struct client
{
    struct db_pool *pool;
    struct outbox *outbox;
    int64_t end; /* of the ids */
    int64_t until_ns;
    bool keyed;
    int ack_fd;
    int64_t progress_at;
    size_t payload_bytes;
    int64_t batch_max;

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t news;
    int64_t next;
    int64_t waiting; /* calls in the executors' queue */
    int64_t acked;
    int64_t errors;
    int64_t told_ms; /* monotonic: when a relay was told last */
    char last_error[200];
};

static int64_t env_int(const char *name, int64_t otherwise)
{
    const char *text = getenv(name);
    return text != NULL && *text != '\0' ? strtoll(text, NULL, 10) : otherwise;
}

/* {"id":"5","t":"<ns>","pad":"xx…"}, payload_bytes long. */
static char *body_of(struct arena *arena, int64_t id, size_t payload_bytes)
{
    char *body = arena_alloc(arena, BODY_MAX);
    if (body == NULL)
        give_up("out of memory");
    int len = snprintf(body, BODY_MAX, "{\"id\":\"%lld\",\"t\":\"%lld\",\"pad\":\"", (long long)id,
                       (long long)clock_mono_ns());
    size_t pad = payload_bytes > (size_t)len + 2 ? payload_bytes - (size_t)len - 2 : 0;
    if ((size_t)len + pad + 3 > BODY_MAX)
        give_up("PAYLOAD is too large");
    memset(body + len, 'x', pad);
    memcpy(body + (size_t)len + pad, "\"}", 3);
    return body;
}

/* A relay that was told goes on until nothing is due; whoever is missed is found within a second. */
static bool may_tell(struct client *client)
{
    int64_t now_ms = clock_mono_ms();
    pthread_mutex_lock(&client->lock);
    bool tell = now_ms - client->told_ms >= TELL_MS;
    if (tell)
        client->told_ms = now_ms;
    pthread_mutex_unlock(&client->lock);
    return tell;
}

static enum err_code accept_rows(struct client *client, struct db *db, struct arena *arena,
                                 const struct job_new *jobs, size_t count, struct just_committed *committed,
                                 struct err *err)
{
    struct job_recipient recipient;
    if (job_may_be_handed_off(jobs, count) && outbox_recipient(client->outbox, jobs->worker, &recipient))
        return job_store_hand_off(db, arena, jobs, &recipient, committed, err);
    return job_store_accept_rows(db, arena, jobs, count, committed, err);
}

static enum err_code accept_range(struct client *client, struct arena *arena, int64_t first, int64_t n,
                                  struct err *err)
{
    struct db *db = NULL;
    struct job_new *jobs = arena_array(arena, (size_t)n, sizeof *jobs);
    if (jobs == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    for (int64_t i = 0; i < n; i++)
    {
        struct id id = id_new();
        jobs[i] = (struct job_new){
            .job_id = arena_strdup(arena, id.text),
            .kind = "noop",
            .worker = "scout",
            .user_id = ID_SYSTEM_USER,
            .request_id = "bench",
            .payload = body_of(arena, first + i, client->payload_bytes),
            .priority = JOB_NORMAL,
            .unique_key = client->keyed ? arena_printf(arena, "k%lld", (long long)(first + i)) : NULL};
    }
    enum err_code code = db_get(client->pool, &db, err);
    struct just_committed committed = {.count = 0};
    if (code == E_OK && client->outbox != NULL)
        code = accept_rows(client, db, arena, jobs, (size_t)n, &committed, err);
    else if (code == E_OK)
        code = may_tell(client) ? job_store_accept_telling(db, arena, jobs, (size_t)n, err)
                                : job_store_accept(db, arena, jobs, (size_t)n, err);
    if (code == E_OK && client->outbox != NULL)
        outbox_publish(client->outbox, &committed);
    db_put(db);
    return code;
}

static void acknowledge(struct client *client, int64_t first, int64_t n)
{
    char text[BULK * 16];
    int len = 0;
    if (client->ack_fd < 0)
        return;
    for (int64_t i = 0; i < n; i++)
        len += snprintf(text + len, sizeof text - (size_t)len, "%lld\n", (long long)(first + i));
    if (write(client->ack_fd, text, (size_t)len) != len)
        give_up("ACK_LOG");
}

static void note(struct client *client, int64_t first, int64_t n, enum err_code code, const struct err *err)
{
    if (code == E_OK)
        acknowledge(client, first, n);
    pthread_mutex_lock(&client->lock);
    bool before = client->acked < client->progress_at;
    if (code == E_OK)
        client->acked += n;
    else
    {
        client->errors += n;
        snprintf(client->last_error, sizeof client->last_error, "%.190s", err->text);
    }
    if (before && client->acked >= client->progress_at)
    {
        puts("PROGRESS {}");
        fflush(stdout);
    }
    pthread_mutex_unlock(&client->lock);
    if (code != E_OK)
        poll(NULL, 0, AFTER_ERROR_MS);
}

/* With the lock held: the ids that one call, or all that wait, may take; 0 when it is over. */
static int64_t take(struct client *client, int64_t *first)
{
    while (client->waiting == 0 && client->next < client->end && clock_mono_ns() < client->until_ns)
        pthread_cond_wait(&client->news, &client->lock);
    int64_t n = client->waiting < client->batch_max ? client->waiting : client->batch_max;
    if (n > client->end - client->next)
        n = client->end - client->next;
    if (clock_mono_ns() >= client->until_ns)
        n = 0;
    *first = client->next;
    client->next += n;
    client->waiting -= n;
    return n;
}

static void *execute(void *of)
{
    struct client *client = of;
    struct arena *arena = arena_new(ARENA_BYTES);
    int64_t first = 0;
    int64_t n = 0;
    if (arena == NULL)
        give_up("out of memory");
    pthread_mutex_lock(&client->lock);
    while ((n = take(client, &first)) > 0)
    {
        struct err err = ERR_INIT;
        pthread_mutex_unlock(&client->lock);
        enum err_code code = accept_range(client, arena, first, n, &err);
        note(client, first, n, code, &err);
        arena_reset(arena);
        pthread_mutex_lock(&client->lock);
        client->waiting += n; /* who was answered asks again */
        pthread_cond_broadcast(&client->news);
    }
    pthread_cond_broadcast(&client->news);
    pthread_mutex_unlock(&client->lock);
    arena_free(arena);
    return NULL;
}

static void client_open(struct client *client, const char *database_url, struct outbox *outbox, int size)
{
    struct err err = ERR_INIT;
    const char *ack_log = getenv("ACK_LOG");
    const struct db_pool_config config = {
        .url = database_url, .name = "bench client", .size = size, .plans = DB_PLANS_LOOKUPS};
    *client = (struct client){.outbox = outbox,
                              .next = env_int("START_ID", 0),
                              .keyed = env_int("KEYED", 0) == 1,
                              .ack_fd = -1,
                              .progress_at = env_int("PROGRESS_AT", 0),
                              .payload_bytes = (size_t)env_int("PAYLOAD", 300)};
    client->end = client->next + env_int("N", 1000);
    if (ack_log != NULL && *ack_log != '\0')
        client->ack_fd = open(ack_log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    pthread_mutex_init(&client->lock, NULL);
    pthread_cond_init(&client->news, NULL);
    must(db_pool_open(&config, &client->pool, &err), &err);
}

static void warm(struct client *client)
{
    struct db *db[EXECUTORS] = {NULL};
    struct err err = ERR_INIT;
    for (int i = 0; i < EXECUTORS; i++)
        must(db_get(client->pool, &db[i], &err), &err);
    for (int i = 0; i < EXECUTORS; i++)
        db_put(db[i]);
}

void peer_enqueue(const char *database_url, struct outbox *outbox)
{
    struct client client;
    pthread_t executors[EXECUTORS];
    const char *mode = getenv("MODE") != NULL ? getenv("MODE") : "bulk";
    bool concurrent = strcmp(mode, "concurrent") == 0;
    client_open(&client, database_url, outbox, EXECUTORS);
    client.batch_max = concurrent ? WINDOW : strcmp(mode, "bulk") == 0 ? BULK : 1;
    client.waiting = concurrent ? WINDOW : client.batch_max;
    warm(&client);
    int64_t began_ns = clock_mono_ns();
    client.until_ns = began_ns + env_int("MAX_S", 1000000) * 1000000000;
    const int threads = concurrent ? EXECUTORS : 1;
    for (int i = 0; i < threads; i++)
        if (pthread_create(&executors[i], NULL, execute, &client) != 0)
            give_up("thread");
    for (int i = 0; i < threads; i++)
        pthread_join(executors[i], NULL);
    double seconds = (double)(clock_mono_ns() - began_ns) / 1e9;
    printf("ENQUEUED {\"n\":%lld,\"secs\":%.6f,\"rate\":%.0f,\"errors\":%lld,\"lastErr\":\"%s\"}\n",
           (long long)client.acked, seconds, (double)client.acked / seconds, (long long)client.errors,
           client.last_error);
    fflush(stdout);
    db_pool_close(client.pool);
}

/* ---- pace ------------------------------------------------------------------------------------- */

/* The body's `t` is taken when the call begins; a lane that is still busy delays nobody but itself. */
static void *pace_lane(void *of)
{
    struct client *client = of;
    struct arena *arena = arena_new(ARENA_BYTES);
    if (arena == NULL)
        give_up("out of memory");
    pthread_mutex_lock(&client->lock);
    while (client->next < client->end)
    {
        struct err err = ERR_INIT;
        if (client->waiting == 0)
        {
            pthread_cond_wait(&client->news, &client->lock);
            continue;
        }
        int64_t first = client->next++;
        client->waiting--;
        pthread_mutex_unlock(&client->lock);
        enum err_code code = accept_range(client, arena, first, 1, &err);
        note(client, first, 1, code, &err);
        arena_reset(arena);
        pthread_mutex_lock(&client->lock);
    }
    pthread_cond_broadcast(&client->news);
    pthread_mutex_unlock(&client->lock);
    arena_free(arena);
    return NULL;
}

static void wait_until(int64_t at_ns)
{
    struct timespec at = {.tv_sec = at_ns / 1000000000, .tv_nsec = at_ns % 1000000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) != 0)
        continue;
}

void peer_pace(const char *database_url, struct outbox *outbox)
{
    struct client client;
    pthread_t lanes[PACE_LANES];
    double rate = (double)env_int("RATE", 50);
    uint32_t seed = 12345;
    client_open(&client, database_url, outbox, PACE_LANES);
    warm(&client);
    for (int i = 0; i < PACE_LANES; i++)
        if (pthread_create(&lanes[i], NULL, pace_lane, &client) != 0)
            give_up("thread");
    double at_ns = (double)clock_mono_ns();
    for (int64_t left = client.end - client.next; left > 0; left--)
    {
        seed = (seed * 1103515245 + 12345) & 0x7fffffff;
        at_ns += -log(1 - (double)seed / 2147483648.0) * 1e9 / rate;
        wait_until((int64_t)at_ns);
        pthread_mutex_lock(&client.lock);
        client.waiting++;
        pthread_cond_signal(&client.news);
        pthread_mutex_unlock(&client.lock);
    }
    for (int i = 0; i < PACE_LANES; i++)
        pthread_join(lanes[i], NULL);
    printf("ENQUEUED {\"n\":%lld}\n", (long long)client.acked);
    fflush(stdout);
    db_pool_close(client.pool);
}
