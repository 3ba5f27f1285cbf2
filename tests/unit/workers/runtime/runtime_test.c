/* SPDX-License-Identifier: Apache-2.0 */
/* The stages together, on a real Postgres and a real NATS: how they start, what they do when memory is short,
 * and that they end. */
#include "workers/runtime/internal.h"

#include "common/base/clock.h"
#include "common/healing/healing.h"
#include "common/obs/health.h"
#include "common/outbox/outbox.h"
#include "common/store/outbox.h"
#include "tests/support/suite.h"
#include "tests/support/test_db.h"

#include <dlfcn.h>
#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum
{
    WAIT_MS = 60000,
    TOGETHER = 16,
    TELLERS = 60,
    DRAIN_MS = 100,
    STOP_MS = DRAIN_MS + 9000, /* what its header says, and as much as a slow machine takes */
    BIG = 250 * 1024
};

static char worker[32]; /* another one in each case: what one leaves in the stream is not the next one's */
#define WORKERS "application_name LIKE 'probe%' AND datname = current_database()"

static struct db *db;
static struct mq *mq;
static struct outbox *outbox;
static struct healing *healing;
static struct health *health;
static struct runtime *runtime;
static struct arena *arena;
static struct err err;
static const char *owner;

/* ---- threads that cannot be made ------------------------------------------------------------- */

static int create_fails_at; /* the n-th of the runtime's; 0: none */
static atomic_int live;     /* the runtime's threads */

/* Those that nobody has joined or detached yet. */
static pthread_mutex_t loose_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_t loose[64];
static size_t loose_count;

static _Thread_local struct runtime *served; /* by this thread of the runtime's */
static atomic_int sent;                      /* by such threads */
static atomic_int sent_under_lock;

struct errand
{
    void *(*run)(void *of);
    void *of;
};

static void *run_errand(void *of)
{
    const struct errand errand = *(struct errand *)of;
    free(of);
    served = errand.of;
    void *result = errand.run(errand.of);
    atomic_fetch_sub(&live, 1);
    return result;
}

static bool is_ours(void *(*run)(void *of))
{
    return run == handler_run || run == settler_run || run == keeper_run || run == intake_run;
}

static void forget(pthread_t thread)
{
    pthread_mutex_lock(&loose_lock);
    for (size_t i = 0; i < loose_count; i++)
        if (pthread_equal(loose[i], thread))
            loose[i] = loose[--loose_count];
    pthread_mutex_unlock(&loose_lock);
}

/* The next four stand before the library's own.  Whatever goes to a server is sent. */
ssize_t send(int fd, const void *data, size_t len, int flags)
{
    ssize_t (*real)(int, const void *, size_t, int) = NULL;
    void *found = dlsym(RTLD_NEXT, "send");
    memcpy(&real, &found, sizeof real);
    if (served != NULL)
    {
        atomic_fetch_add(&sent, 1);
        if (served->shared.lock.__data.__owner == gettid())
            atomic_fetch_add(&sent_under_lock, 1);
    }
    return real(fd, data, len, flags);
}

int pthread_detach(pthread_t thread)
{
    int (*real)(pthread_t) = NULL;
    void *found = dlsym(RTLD_NEXT, "pthread_detach");
    memcpy(&real, &found, sizeof real);
    forget(thread);
    return real(thread);
}

int pthread_join(pthread_t thread, void **result)
{
    int (*real)(pthread_t, void **) = NULL;
    void *found = dlsym(RTLD_NEXT, "pthread_join");
    memcpy(&real, &found, sizeof real);
    forget(thread);
    return real(thread, result);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *of), void *of)
{
    int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) = NULL;
    void *found = dlsym(RTLD_NEXT, "pthread_create");
    memcpy(&real, &found, sizeof real);
    if (!is_ours(run))
        return real(thread, attr, run, of);
    if (create_fails_at > 0 && --create_fails_at == 0)
        return EAGAIN;
    struct errand *errand = malloc(sizeof *errand);
    *errand = (struct errand){run, of};
    atomic_fetch_add(&live, 1);
    const int code = real(thread, attr, run_errand, errand);
    pthread_mutex_lock(&loose_lock);
    if (code == 0 && loose_count < sizeof loose / sizeof loose[0])
        loose[loose_count++] = *thread;
    pthread_mutex_unlock(&loose_lock);
    return code;
}

/* ---- the kinds ------------------------------------------------------------------------------- */

static sem_t release;   /* the deaf ones */
static atomic_int deaf; /* that have begun */
static char *text;      /* of BIG bytes, as JSON */

static enum err_code run_deaf(struct job *job, struct err *why)
{
    (void)job;
    (void)why;
    atomic_fetch_add(&deaf, 1);
    sem_wait(&release);
    return E_OK;
}

static enum err_code run_nap(struct job *job, struct err *why)
{
    return job_wait(job, 60000, why);
}

static enum err_code run_quick(struct job *job, struct err *why)
{
    (void)job;
    (void)why;
    return E_OK;
}

/* What nobody may do. */
static enum err_code run_loud(struct job *job, struct err *why)
{
    (void)why;
    runtime_lock(job->runtime);
    send(-1, "", 0, 0);
    runtime_unlock(job->runtime);
    return E_OK;
}

static enum err_code run_tell(struct job *job, struct err *why)
{
    return job_set_progress(job, text, text) ? job_wait(job, 60000, why) : E_REFUSED;
}

/* All of them at once, whenever they came. */
static enum err_code run_heavy(struct job *const *jobs, size_t count, struct err *why)
{
    const int64_t until_ms = clock_mono_ms() + WAIT_MS;
    size_t there = 0;
    (void)why;
    for (; there < TOGETHER && clock_mono_ms() < until_ms; poll(NULL, 0, SUITE_LOOK_MS))
    {
        there = (size_t)runtime_lock(jobs[0]->runtime)->inbox.in_flight;
        runtime_unlock(jobs[0]->runtime);
    }
    for (size_t i = 0; i < count; i++)
        job_set_result(jobs[i], text);
    return E_OK;
}

static const struct job_kind_row kinds[] = {
    {.kind = "deaf", .run = run_deaf},   {.kind = "nap", .run = run_nap},
    {.kind = "quick", .run = run_quick}, {.kind = "loud", .run = run_loud},
    {.kind = "tell", .run = run_tell},   {.kind = "heavy", .run_batch = run_heavy}};

/* ---- what the cases are told in ---------------------------------------------------------------- */

static void wake_relay(void *of)
{
    outbox_wake(of);
}

static void setup(void)
{
    arena = arena_new(1 << 22);
    db = test_db_open();
    test_db_exec(db,
                 "TRUNCATE jobs, outgoing, claims, workers, relay_batches, job_results, job_history, users"
                 " CASCADE");
    owner = test_db_user(db, "ada");
    ck_assert_int_eq(mq_open(getenv("TEST_NATS_URL"), "runtime_test", &mq, &err), E_OK);
    snprintf(worker, sizeof worker, "probe%d", (int)getpid());
    mq_know_worker(mq, worker);
    eventually(mq_ensure(mq, NULL, &err) == E_OK);
    health = health_new();
    sem_init(&release, 0, 0);
    text = malloc(BIG + 1); /* whatever writes it down in quotes needs twice the room */
    memset(text, '\\', BIG);
    text[0] = text[BIG - 1] = '"';
    text[BIG] = '\0';
    const struct outbox_config config = {.database_url = test_db_url(), .name = "runtime_test", .mq = mq};
    ck_assert_int_eq(outbox_start(&config, &outbox, &err), E_OK);
    const struct healing_config heals = {.database_url = test_db_url(),
                                         .name = "runtime_test",
                                         .mq = mq,
                                         .lease_ms = 40000,
                                         .retention_days = 30,
                                         .wake = wake_relay,
                                         .wake_of = outbox};
    ck_assert_int_eq(healing_start(&heals, &healing, &err), E_OK);
}

static void teardown(void)
{
    healing_stop(healing);
    outbox_stop(outbox);
    ck_assert_int_eq(atomic_load(&sent_under_lock), 0); /* in whatever case */
    mq_close(mq);
    health_free(health);
    test_db_close(db);
    db_pool_close(test_db_pool());
    arena_free(arena);
    free(text);
}

static enum err_code start(int concurrency, int lease_ms)
{
    const struct runtime_config config = {.worker = worker,
                                          .node = "here",
                                          .database_url = test_db_url(),
                                          .kinds = kinds,
                                          .kinds_count = sizeof kinds / sizeof kinds[0],
                                          .concurrency = concurrency,
                                          .db_pool_size = 2,
                                          .lease_ms = lease_ms,
                                          .drain_ms = DRAIN_MS,
                                          .retention_days = 30,
                                          .mq = mq,
                                          .outbox = outbox,
                                          .health = health};
    return runtime_start(&config, &runtime, &err);
}

static struct job_new new_job(const char *kind)
{
    const struct id id = id_new();
    return (struct job_new){.job_id = arena_strdup(arena, id.text),
                            .kind = kind,
                            .worker = worker,
                            .user_id = owner,
                            .request_id = "req-12345",
                            .payload = "{}",
                            .priority = JOB_NORMAL};
}

static void accept_jobs(struct job_new *jobs, size_t count, const char *kind)
{
    for (size_t i = 0; i < count; i++)
        jobs[i] = new_job(kind);
    ck_assert_int_eq(job_store_accept(db, arena, jobs, count, &err), E_OK);
}

static void post(const char *kind, size_t count)
{
    struct job_new jobs[TELLERS];
    accept_jobs(jobs, count, kind);
    outbox_wake(outbox);
}

static int64_t number(const struct db_stmt *stmt)
{
    struct db_rows *found = NULL;
    ck_assert_int_eq(db_run(db, stmt, NULL, &found, &err), E_OK);
    const int64_t value = db_int(found, 0, 0, -1);
    db_rows_free(found);
    return value;
}

#define await(stmt, value) eventually(number(stmt) == (value))

static const struct db_stmt running = {"t_running", "SELECT count(*) FROM jobs WHERE status = 'Running'", 0};
static const struct db_stmt completed = {"t_completed",
                                         "SELECT count(*) FROM jobs WHERE status = 'Completed'", 0};

/* How long it took. */
static int64_t stop(bool ends)
{
    const int64_t began_ms = clock_mono_ms();
    ck_assert_int_eq(runtime_stop(runtime), ends);
    if (ends)
    {
        ck_assert_int_eq(atomic_load(&live), 0);
        ck_assert_uint_eq(loose_count, 0);
        runtime = NULL;
    }
    return clock_mono_ms() - began_ms;
}

static bool is_deaf(void)
{
    return atomic_load(&deaf) > 0;
}

static bool is_over(void)
{
    return atomic_load(&live) == 0;
}

/* ---- starting --------------------------------------------------------------------------------- */

enum
{
    THREADS = 5 /* two handlers, settler, keeper, intake */
};

START_TEST(start__leaves_no_thread_behind_when_one_cannot_be_made)
{
    create_fails_at = _i + 1;
    ck_assert_int_eq(start(2, 40000), E_NO_MEMORY);
    ck_assert_int_eq(atomic_load(&live), 0);
    ck_assert_int_eq(start(2, 40000), E_OK);
    post("quick", 3);
    await(&completed, 3);
    stop(true);
}
END_TEST

/* ---- stopping --------------------------------------------------------------------------------- */

START_TEST(stop__hands_back_what_does_not_finish)
{
    static const struct db_stmt back = {
        "t_back", "SELECT count(*) FROM jobs WHERE status = 'Pending' AND attempts = 0", 0};
    ck_assert_int_eq(start(2, 40000), E_OK);
    post("nap", 2);
    await(&running, 2);
    stop(true);
    ck_assert_int_eq(number(&back), 2);
}
END_TEST

START_TEST(stop__frees_nothing_under_a_handler_that_does_not_end)
{
    ck_assert_int_eq(start(2, 40000), E_OK);
    post("deaf", 1);
    eventually(is_deaf()); /* it is Running before a thread has taken it */
    ck_assert_int_lt(stop(false), STOP_MS);
    ck_assert_int_gt(atomic_load(&live), 0);
    ck_assert_uint_eq(loose_count, 0);
    sem_post(&release); /* it goes on, on memory that is there */
    await(&running, 0); /* completed, or handed back: a worker that leaves waits for no slow database */
    eventually(is_over());
}
END_TEST

static size_t backends(pid_t *pids, size_t max)
{
    static const struct db_stmt stmt = {"t_backends", "SELECT pid FROM pg_stat_activity WHERE " WORKERS, 0};
    struct db_rows *found = NULL;
    ck_assert_int_eq(db_run(db, &stmt, NULL, &found, &err), E_OK);
    size_t n = (size_t)db_rows(found);
    for (size_t i = 0; i < n && i < max; i++)
        pids[i] = (pid_t)db_int(found, (int)i, 0, 0);
    db_rows_free(found);
    return n < max ? n : max;
}

START_TEST(stop__does_not_wait_for_a_frozen_database)
{
    pid_t pids[8];
    ck_assert_int_eq(start(2, 40000), E_OK);
    post("quick", 2); /* all connections are made */
    await(&completed, 2);
    post("nap", 2);
    await(&running, 2);
    const size_t n = backends(pids, 8);
    for (size_t i = 0; i < n; i++)
        ck_assert_int_eq(kill(pids[i], SIGSTOP), 0);
    const int64_t took_ms = stop(true);
    for (size_t i = 0; i < n; i++)
        kill(pids[i], SIGCONT);
    ck_assert_int_lt(took_ms, STOP_MS);
    ck_assert_uint_gt(n, 1);
}
END_TEST

START_TEST(lock__is_watched)
{
    ck_assert_int_eq(start(2, 40000), E_OK);
    post("loud", 3);
    await(&completed, 3);
    stop(true);
    ck_assert_int_eq(atomic_exchange(&sent_under_lock, 0), 3);
    ck_assert_int_gt(atomic_load(&sent), 10); /* statements are seen */
}
END_TEST

/* ---- messages that wait in a worker that leaves -------------------------------------------------- */

enum
{
    LEFT = 4
};

static struct job_new left[LEFT];
static atomic_bool came[LEFT];

static void on_left(void *of, struct mq_delivery *take)
{
    struct id id;
    (void)of;
    if (envelope_peek(mq_delivery_data(take), mq_delivery_len(take), &id))
        for (int i = 0; i < LEFT; i++)
            if (strcmp(left[i].job_id, id.text) == 0)
                atomic_store(&came[i], true);
    mq_ack(mq, take);
    mq_delivery_free(take);
}

/* The first may come too, when its claim came too late. */
static bool all_others_came(void)
{
    for (int i = 1; i < LEFT; i++)
        if (!atomic_load(&came[i]))
            return false;
    return true;
}

static void publish(struct mq_publisher *publisher, const struct job_new *job)
{
    struct outbox_row row;
    ck_assert(outbox_row_of(arena, job, 1, &row));
    const struct mq_header id = {"Nats-Msg-Id", job->job_id};
    struct mq_message message = {.subject = row.subject,
                                 .headers = &id,
                                 .headers_count = 1,
                                 .data = row.body,
                                 .len = strlen(row.body)};
    ck_assert_int_eq(mq_publish_all(publisher, &message, 1, WAIT_MS, &err), E_OK);
}

static void *stop_it(void *of)
{
    *(bool *)of = runtime_stop(runtime);
    return NULL;
}

static bool others_wait(void)
{
    const int count = inbox_count(&runtime_lock(runtime)->inbox);
    runtime_unlock(runtime);
    return count == LEFT - 1;
}

static bool is_draining(void)
{
    const bool draining = runtime_lock(runtime)->draining;
    runtime_unlock(runtime);
    return draining;
}

static int64_t await_others(void)
{
    struct mq_pull *pull = NULL;
    const struct mq_pull_config config = {.worker = worker, .priority = JOB_NORMAL, .got = on_left};
    const int64_t until_ms = clock_mono_ms() + WAIT_MS;
    ck_assert_int_eq(mq_pull_open(mq, &config, &pull, &err), E_OK);
    for (; !all_others_came() && clock_mono_ms() < until_ms; poll(NULL, 0, SUITE_LOOK_MS))
        mq_pull_want(pull, 10);
    const int64_t at_ms = clock_mono_ms();
    mq_pull_close(pull);
    ck_assert(all_others_came());
    return at_ms;
}

/* The claim of the first waits for the table, the others wait for the intake; then the worker is told to go.
 */
START_TEST(stop__gives_messages_that_it_has_not_claimed_to_others_at_once)
{
    static const struct db_stmt claims = {"t_claims",
                                          "SELECT count(*) FROM pg_stat_activity WHERE " WORKERS
                                          " AND wait_event_type = 'Lock'"
                                          " AND query LIKE 'WITH claimed%'",
                                          0};
    struct mq_publisher *publisher = NULL;
    struct db *locker = test_db_open();
    pthread_t stopper;
    bool ended = false;
    accept_jobs(left, LEFT, "quick");
    test_db_exec(db, "DELETE FROM outgoing");
    ck_assert_int_eq(mq_publisher_open(mq, &publisher, &err), E_OK);
    ck_assert_int_eq(start(4, 40000), E_OK);
    test_db_exec(locker, "BEGIN; LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE");
    publish(publisher, &left[0]);
    await(&claims, 1);
    for (int i = 1; i < LEFT; i++)
        publish(publisher, &left[i]);
    eventually(others_wait());
    pthread_create(&stopper, NULL, stop_it, &ended);
    eventually(is_draining());
    test_db_exec(locker, "COMMIT");
    const int64_t went_ms = clock_mono_ms();
    pthread_join(stopper, NULL);
    ck_assert(ended);
    ck_assert_int_lt(await_others() - went_ms, 1900);
    mq_publisher_close(publisher);
    test_db_close(locker);
}
END_TEST

/* ---- memory ----------------------------------------------------------------------------------- */

/* No job has come yet, so the settler does nothing. */
static void shrink_settler(size_t max_bytes)
{
    runtime_lock(runtime);
    arena_free(runtime->threads.settler.arena);
    runtime->threads.settler.arena = arena_new(max_bytes);
    runtime_unlock(runtime);
}

START_TEST(settle__goes_one_by_one_when_a_batch_is_too_big_for_memory)
{
    static const struct db_stmt transactions = {"t_transactions",
                                                "SELECT count(DISTINCT xmin::text) FROM jobs", 0};
    memset(text, 'x', BIG - 1);
    text[0] = text[BIG - 1] = '"';
    ck_assert_int_eq(start(1, 40000), E_OK);
    shrink_settler((size_t)4 * BIG);
    runtime_lock(runtime)->inbox.limit = TOGETHER;
    runtime_unlock(runtime);
    post("heavy", TOGETHER);
    await(&completed, TOGETHER);
    ck_assert_int_ge(number(&transactions), TOGETHER - 3); /* memory is for three of them */
    stop(true);
}
END_TEST

START_TEST(settle__tries_a_job_again_whose_end_does_not_fit_into_memory)
{
    static const struct db_stmt again = {
        "t_again", "SELECT count(*) FROM job_history WHERE status = 'Pending' AND reason = 'no_memory'", 0};
    memset(text, 'x', BIG - 1);
    text[0] = text[BIG - 1] = '"';
    ck_assert_int_eq(start(1, 40000), E_OK);
    shrink_settler(BIG / 2);
    runtime_lock(runtime)->inbox.limit = TOGETHER;
    runtime_unlock(runtime);
    post("heavy", TOGETHER);
    await(&again, TOGETHER);
    stop(true);
}
END_TEST

START_TEST(progress__of_all_is_saved_and_no_lease_is_lost)
{
    static const struct db_stmt told = {
        "t_told",
        "SELECT count(*) FROM jobs WHERE status = 'Running' AND attempts = 1 AND epoch = 1"
        " AND progress IS NOT NULL AND checkpoint IS NOT NULL",
        0};
    memset(text, '\\', BIG);
    text[0] = text[BIG - 1] = '"';
    ck_assert_int_eq(start(TELLERS, 6000), E_OK);
    post("tell", TELLERS);
    await(&told, TELLERS);
    stop(true);
}
END_TEST

START_TEST(progress__has_a_limit)
{
    static const struct
    {
        int bytes;
        bool is_taken;
    } rows[] = {{2, true}, {JOB_TEXT_MAX, true}, {JOB_TEXT_MAX + 1, false}};
    struct runtime fake = {.config = {.kinds_count = 0}};
    pthread_mutex_init(&fake.shared.lock, NULL);
    char *long_text = malloc((size_t)JOB_TEXT_MAX + 2);
    memset(long_text, '1', (size_t)rows[_i].bytes);
    long_text[rows[_i].bytes] = '\0';
    struct job *job = job_arrived(&fake, NULL);
    ck_assert_int_eq(job_set_progress(job, long_text, NULL), rows[_i].is_taken);
    ck_assert_int_eq(job_set_progress(job, "1", long_text), rows[_i].is_taken);
    ck_assert_int_eq(job->unsaved, rows[_i].is_taken);
    job_free(job);
    free(long_text);
}
END_TEST

int main(void)
{
    test_db_create();
    const struct suite_case cases[] = {{start__leaves_no_thread_behind_when_one_cannot_be_made, THREADS},
                                       {stop__hands_back_what_does_not_finish, 1},
                                       {stop__frees_nothing_under_a_handler_that_does_not_end, 1},
                                       {stop__does_not_wait_for_a_frozen_database, 1},
                                       {lock__is_watched, 1},
                                       {stop__gives_messages_that_it_has_not_claimed_to_others_at_once, 1},
                                       {settle__goes_one_by_one_when_a_batch_is_too_big_for_memory, 1},
                                       {settle__tries_a_job_again_whose_end_does_not_fit_into_memory, 1},
                                       {progress__of_all_is_saved_and_no_lease_is_lost, 1},
                                       {progress__has_a_limit, 3}};
    int status = suite_run_with("runtime", cases, sizeof cases / sizeof cases[0], setup, teardown);
    test_db_drop();
    return status;
}
