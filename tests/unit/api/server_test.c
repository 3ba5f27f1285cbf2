/* SPDX-License-Identifier: Apache-2.0 */
/* The shell with a route table of its own, over real sockets; Postgres and Redis are not needed. */
#include "api/server.h"

#include "api/reply.h"
#include "api/route.h"
#include "common/base/clock.h"
#include "common/cache/cache.h"
#include "common/cache/limiter.h"
#include "common/conf/conf.h"
#include "common/crypt/revoked.h"
#include "common/crypt/token.h"
#include "common/obs/health.h"
#include "common/obs/metrics.h"
#include "tests/support/suite.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum
{
    ANSWER_BYTES = 65536,
    WAIT_MS = 20000,
    LATER_MS = 1500
};

static char second[] = "text/second";

/* ---- the door to Redis, replaced ------------------------------------------------------------ */

enum err_code cache_open(const char *url, struct cache **out, struct err *err)
{
    (void)url;
    (void)err;
    *out = NULL;
    return E_OK;
}

void cache_close(struct cache *cache)
{
    (void)cache;
}

enum err_code cache_run(struct cache *cache, struct cache_script *script, struct cache_call *calls,
                        size_t count, int wait_ms, struct err *err)
{
    (void)cache;
    (void)script;
    (void)calls;
    (void)count;
    (void)wait_ms;
    return err_set(err, E_UNAVAILABLE, __FILE__, __LINE__, "no Redis here");
}

struct cache_stats cache_stats(const struct cache *cache)
{
    (void)cache;
    return (struct cache_stats){0};
}

/* ---- routes ------------------------------------------------------------------------------------ */

static struct
{
    pthread_mutex_t lock;
    pthread_cond_t moved;
    bool open;
    int inside;  /* handlers that wait here */
    int largest; /* batch */
    int singles; /* calls of handle on a batch route */
    enum err_code batch_fails;
} gate = {.lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER};

static atomic_bool database_there = true;

static void gate_pass(void)
{
    pthread_mutex_lock(&gate.lock);
    gate.inside++;
    pthread_cond_broadcast(&gate.moved);
    while (!gate.open)
        pthread_cond_wait(&gate.moved, &gate.lock);
    gate.inside--;
    pthread_mutex_unlock(&gate.lock);
}

static void gate_open(void)
{
    pthread_mutex_lock(&gate.lock);
    gate.open = true;
    pthread_cond_broadcast(&gate.moved);
    pthread_mutex_unlock(&gate.lock);
}

static void gate_await(int inside)
{
    pthread_mutex_lock(&gate.lock);
    while (gate.inside < inside)
        pthread_cond_wait(&gate.moved, &gate.lock);
    pthread_mutex_unlock(&gate.lock);
}

static enum err_code echo(struct request *req, struct err *err)
{
    struct json_writer w = reply_begin(req);
    json_begin_object(&w, NULL);
    json_put_text(&w, "word", request_param(req, "word"));
    json_put_text(&w, "a", request_query(req, "a"));
    json_put_int(&w, "body_len", (int64_t)req->body_len);
    json_put_text(&w, "user", req->user.id.text);
    json_put_text(&w, "key", req->idempotency_key);
    json_put_text(&w, "hash", req->body_sha256);
    json_put_text(&w, "client", req->client);
    json_end_object(&w);
    return reply_json(req, REPLY_OK, err);
}

static enum err_code echo_json(struct request *req, struct err *err)
{
    const struct json *doc;
    if (request_json(req, &doc, err) != E_OK)
        return err->code;
    return echo(req, err);
}

static enum err_code wait_at_gate(struct request *req, struct err *err)
{
    gate_pass();
    return echo(req, err);
}

/* Further on where calls to the internet wait. */
static enum err_code go_far(struct request *req, struct err *err)
{
    (void)err;
    return request_go_on(req, (struct request_step){.run = wait_at_gate, .lane = LANE_PROVIDER});
}

static enum err_code say_second(struct request *req, struct err *err)
{
    const char *word = req->step.of;
    return reply_text(req, REPLY_OK, word, err);
}

/* Answers, and a while later better. */
static enum err_code answer_later(struct request *req, struct err *err)
{
    if (reply_text(req, REPLY_OK, "text/first", err) != E_OK)
        return err->code;
    return request_go_on(req, (struct request_step){.run = say_second,
                                                    .lane = LANE_EXECUTOR,
                                                    .at_ms = clock_mono_ms() + LATER_MS,
                                                    .of = second});
}

static enum err_code forget(struct request *req, struct err *err)
{
    (void)req;
    (void)err;
    return E_OK;
}

static enum err_code single(struct request *req, struct err *err)
{
    pthread_mutex_lock(&gate.lock);
    gate.singles++;
    pthread_mutex_unlock(&gate.lock);
    return wait_at_gate(req, err);
}

static enum err_code many(struct request **reqs, size_t count, struct err *err)
{
    pthread_mutex_lock(&gate.lock);
    gate.largest = (int)count > gate.largest ? (int)count : gate.largest;
    enum err_code fails = gate.batch_fails;
    pthread_mutex_unlock(&gate.lock);
    if (fails != E_OK)
        return err_set(err, fails, __FILE__, __LINE__, "the batch failed");
    for (size_t i = 0; i < count; i++)
        if (echo(reqs[i], err) != E_OK)
            return err->code;
    return E_OK;
}

static const struct route rows[] = {
    {METHOD_GET, "/echo/{word}", WHO_ALL, LANE_EXECUTOR, 0, .query = {"a", "b"}, .handle = echo},
    {METHOD_POST, "/json", WHO_ALL, LANE_EXECUTOR, ROUTE_BODY_JSON, 100, .handle = echo_json},
    {METHOD_POST, "/maybe", WHO_ALL, LANE_EXECUTOR, ROUTE_BODY_JSON | ROUTE_BODY_OPTIONAL | ROUTE_IDEMPOTENT,
     .handle = echo},
    {METHOD_GET, "/gate", WHO_ALL, LANE_EXECUTOR, 0, .handle = wait_at_gate},
    {METHOD_GET, "/batch", WHO_ALL, LANE_EXECUTOR, 0, .handle = single, .handle_batch = many},
    {METHOD_GET, "/database", WHO_ALL, LANE_EXECUTOR, ROUTE_DB, .handle = wait_at_gate},
    {METHOD_GET, "/user", WHO_USER, LANE_PROVIDER, 0, .handle = echo},
    {METHOD_GET, "/moderator", WHO_MODERATOR, LANE_PASSWORDS, 0, .handle = echo},
    {METHOD_GET, "/admin", WHO_ADMIN, LANE_EXECUTOR, 0, .handle = echo},
    {METHOD_GET, "/unsaid", .handle = echo},
    {METHOD_GET, "/event", WHO_USER, LANE_EVENT, 0, .handle = echo},
    {METHOD_GET, "/forgets", WHO_ALL, LANE_EXECUTOR, 0, .handle = forget},
    {METHOD_GET, "/far", WHO_USER, LANE_EXECUTOR, 0, .handle = go_far},
    {METHOD_GET, "/later", WHO_ALL, LANE_EXECUTOR, 0, .handle = answer_later},
    {METHOD_GET, "/free", WHO_ALL, LANE_EVENT, ROUTE_FREE, .handle = echo},
};
const struct route_table routes = {rows, sizeof rows / sizeof rows[0]};

/* ---- the server under test ---------------------------------------------------------------------- */

static struct conf conf;
static struct app app;
static struct server *server;
static int port;

static enum err_code probe(void *of, struct err *err)
{
    (void)of;
    return atomic_load(&database_there) ? E_OK : err_set(err, E_DATABASE, __FILE__, __LINE__, "gone");
}

static void configure(void)
{
    conf = (struct conf){.db_pool_size = 2, /* one thread for batches, one for the rest */
                         .api_queue_max = 100,
                         .api_connections_max = 500,
                         .api_connections_per_address = 400,
                         .api_header_timeout_s = 1,
                         .api_body_timeout_s = 1,
                         .api_idle_timeout_s = 60,
                         .api_keepalive_s = 60,
                         .api_uploads_mib = 8,
                         .api_uploads_per_user_mib = 8,
                         .api_answers_mib = 8,
                         .api_answers_per_user_mib = 8,
                         .rate_limit_user_per_min = 1000000,
                         .rate_limit_anon_per_min = 1000000,
                         .rate_limit_search_per_min = 1000000,
                         .rate_limit_ip_per_min = 1000000,
                         .redis_url = "redis://127.0.0.1:1",
                         .cors_origins = "https://a.example, https://b.example"};
    snprintf(conf.api_listen.host, sizeof conf.api_listen.host, "127.0.0.1");
}

static void start(void)
{
    struct err err = ERR_INIT;
    struct token_keys *keys = NULL;
    ck_assert_int_eq(token_keys_new("0123456789abcdef0123456789abcdef", NULL, &keys, &err), E_OK);
    app = (struct app){.conf = &conf,
                       .health = health_new(),
                       .tokens = keys,
                       .revoked = revoked_new(),
                       .limiter = limiter_new(),
                       .started_ms = clock_mono_ms()};
    revoked_looked(app.revoked, INT64_MAX);
    health_watch(app.health, HEALTH_DATABASE, probe, NULL);
    health_start(app.health);
    health_await(app.health, WAIT_MS);
    ck_assert_msg(server_start(&app, &server, &err) == E_OK, "%s", err.text);
    port = server_port(server);
}

static void stop(void)
{
    struct err err = ERR_INIT;
    gate_open();
    health_drain(app.health);
    ck_assert_int_eq(server_drain(server, clock_mono_ms() + WAIT_MS, &err), E_OK);
    server_free(server);
    health_stop(app.health);
    health_free(app.health);
    revoked_free(app.revoked);
    limiter_free(app.limiter);
    struct token_keys *keys = NULL;
    memcpy(&keys, &app.tokens, sizeof keys);
    token_keys_free(keys);
}

/* ---- a client ------------------------------------------------------------------------------------ */

static int dial(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval limit = {.tv_sec = WAIT_MS / 1000};
    ck_assert_int_ge(fd, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    size_t len = strlen(text);
    ck_assert_int_eq(send(fd, text, len, MSG_NOSIGNAL), (ssize_t)len);
}

/* All until the other side closes. */
static char *hear(int fd)
{
    char *answer = calloc(1, ANSWER_BYTES);
    size_t len = 0;
    ssize_t got;
    while ((got = recv(fd, answer + len, ANSWER_BYTES - 1 - len, 0)) > 0)
        len += (size_t)got;
    ck_assert_msg(got == 0 || errno == ECONNRESET, "no end of the answer: %s", answer);
    close(fd);
    return answer;
}

static int ask_only(const char *what)
{
    char text[512];
    int fd = dial();
    snprintf(text, sizeof text, "%s HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n", what);
    say(fd, text);
    return fd;
}

static char *ask(const char *head, const char *rest)
{
    int fd = dial();
    char text[2048];
    snprintf(text, sizeof text, "%s HTTP/1.1\r\nHost: t\r\nConnection: close\r\n%s", head, rest);
    say(fd, text);
    return hear(fd);
}

static const char *token_of(struct arena *arena, const struct id *user, const char *role)
{
    struct err err = ERR_INIT;
    const char *token = NULL;
    struct token_claims claims = {.user_id = *user,
                                  .session_id = id_new(),
                                  .issued_s = clock_wall_ms() / 1000,
                                  .expires_s = clock_wall_ms() / 1000 + 60};
    snprintf(claims.role, sizeof claims.role, "%s", role);
    ck_assert_int_eq(token_sign(app.tokens, &claims, arena, &token, &err), E_OK);
    return token;
}

/* Somebody with an account, who asks and does not wait for the answer. */
struct person
{
    struct arena *arena;
    const char *token;
};

static struct person person_new(void)
{
    struct person person = {.arena = arena_new(1 << 20)};
    const struct id user = id_new();
    person.token = token_of(person.arena, &user, "user");
    return person;
}

static int ask_as(const struct person *person, const char *what)
{
    int fd = dial();
    say(fd, arena_printf(person->arena,
                         "%s HTTP/1.1\r\nHost: t\r\nConnection: close\r\nAuthorization: Bearer %s\r\n\r\n",
                         what, person->token));
    return fd;
}

static int status_of(const char *answer)
{
    return strncmp(answer, "HTTP/1.1 ", 9) == 0 ? (int)strtol(answer + 9, NULL, 10) : 0;
}

static bool has(const char *answer, const char *text)
{
    return strstr(answer, text) != NULL;
}

/* Waits until so many requests stand in the queues. */
static void await_queue(int length)
{
    char want[64];
    snprintf(want, sizeof want, "\nsokoul_api_queue_length %d\n", length);
    bool there = false;
    for (int64_t until_ms = clock_mono_ms() + WAIT_MS; !there && clock_mono_ms() < until_ms;)
    {
        struct buf text;
        buf_init(&text, 1 << 20);
        metrics_write(&text, METRICS_PROMETHEUS, "t");
        there = has(text.data, want);
        buf_fini(&text);
    }
    ck_assert(there);
}

/* ---- cases --------------------------------------------------------------------------------------- */

/* req: S181 S293 S297 part: A41 */
static const struct
{
    const char *head;
    const char *rest;
    int status;
    const char *holds;
} asks[] = {
    {"GET /echo/x%20y?a=1", "\r\n", 200, "{\"word\":\"x y\",\"a\":\"1\","},
    {"GET /echo/x", "X-Request-ID: my.id_1\r\n\r\n", 200, "X-Request-ID: my.id_1\r\n"},
    {"GET /nothing", "\r\n", 404, "application/problem+json"},
    {"GET /echo/x?c=1", "\r\n", 400, "\"field\":\"c\""},
    {"GET /echo/x?a=1&a=2", "\r\n", 400, "\"field\":\"a\""},
    {"POST /echo/x", "Content-Length: 2\r\n\r\nab", 405, "Allow: GET, HEAD, OPTIONS"},
    {"BREW /echo/x", "\r\n", 405, "Allow: GET, HEAD, OPTIONS"},
    {"HEAD /echo/x", "\r\n", 200, "Content-Length: "},
    {"OPTIONS /echo/x", "\r\n", 204, "Allow: GET, HEAD, OPTIONS"},
    {"OPTIONS /echo/x", "Origin: https://b.example\r\n\r\n", 204,
     "Access-Control-Allow-Origin: https://b.example"},
    {"GET /echo/x", "Origin: https://b.example\r\n\r\n", 200, "Vary: Origin"},
    {"GET /forgets", "\r\n", 500, "request_id"},
    {"POST /json", "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}", 200, "\"body_len\":2"},
    {"POST /json", "Content-Type: Application/JSON; charset=utf-8\r\nContent-Length: 2\r\n\r\n{}", 200, ""},
    {"POST /json", "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}", 415, ""},
    {"POST /json", "Content-Type: application/jsonx\r\nContent-Length: 2\r\n\r\n{}", 415, ""},
    {"POST /json", "Content-Length: 2\r\n\r\n{}", 415, ""},
    {"POST /json", "Content-Length: 0\r\n\r\n", 400, "body"},
    {"POST /json", "\r\n", 400, "body"},
    {"POST /json", "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{x", 400, ""},
    {"POST /json", "Content-Type: application/json\r\nContent-Length: 101\r\n\r\n", 413, "100 bytes"},
    {"POST /json", "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
     200, "\"body_len\":2"},
    {"POST /json",
     "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
     "40\r\n0123456789012345678901234567890123456789012345678901234567890123\r\n"
     "40\r\n0123456789012345678901234567890123456789012345678901234567890123\r\n0\r\n\r\n",
     413, "100 bytes"},
    {"POST /maybe", "Content-Length: 0\r\n\r\n", 200, "\"key\":null,\"hash\":null"},
    {"POST /maybe", "Idempotency-Key: k-1\r\nContent-Length: 0\r\n\r\n", 200,
     "\"key\":\"k-1\",\"hash\":\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\""},
    {"POST /maybe", "Idempotency-Key: two words\r\nContent-Length: 0\r\n\r\n", 400, "Idempotency-Key"},
    {"GET /user", "\r\n", 401, "WWW-Authenticate: Bearer"},
    {"GET /user", "Authorization: Basic eDp5\r\n\r\n", 401, "Bearer"},
    {"GET /user", "Authorization: Bearer not.a.token\r\n\r\n", 401, ""},
    {"GET /echo/x", "Authorization: Bearer not.a.token\r\n\r\n", 401, ""},
    {"GET /event", "\r\n", 401, ""},
    {"GET /event", "Authorization: Bearer not.a.token\r\n\r\n", 401, ""},
    {"GET /unsaid", "\r\n", 401, ""},
    {"GET /free", "Authorization: Bearer not.a.token\r\n\r\n", 200, ""},
    {"GET /free", "\r\n", 200, "\"client\":\"127.0.0.1\""},
};

START_TEST(server__answers_by_the_contract)
{
    configure();
    start();
    for (size_t i = 0; i < sizeof asks / sizeof asks[0]; i++)
    {
        char *answer = ask(asks[i].head, asks[i].rest);
        ck_assert_msg(status_of(answer) == asks[i].status, "%s: %s", asks[i].head, answer);
        ck_assert_msg(has(answer, asks[i].holds), "%s: %s", asks[i].head, answer);
        ck_assert_msg(has(answer, "X-Request-ID: "), "%s", answer);
        if (asks[i].status >= 400)
            ck_assert_msg(has(answer, "application/problem+json") && has(answer, "\"request_id\":\""), "%s",
                          answer);
        free(answer);
    }
    stop();
}
END_TEST

static const struct
{
    const char *role;
    const char *head;
    int status;
} permits[] = {
    {"user", "GET /user", 200},           {"user", "GET /moderator", 403},  {"user", "GET /admin", 403},
    {"moderator", "GET /moderator", 200}, {"moderator", "GET /admin", 403}, {"admin", "GET /user", 200},
    {"admin", "GET /admin", 200},         {"king", "GET /user", 401},       {"user", "GET /event", 200},
    {"admin", "GET /unsaid", 403},
};

START_TEST(server__lets_in_who_may)
{
    configure();
    start();
    struct arena *arena = arena_new(1 << 20);
    for (size_t i = 0; i < sizeof permits / sizeof permits[0]; i++)
    {
        const struct id user = id_new();
        const char *token = token_of(arena, &user, permits[i].role);
        char *answer = ask(permits[i].head, arena_printf(arena, "Authorization: Bearer %s\r\n\r\n", token));
        ck_assert_msg(status_of(answer) == permits[i].status, "%s", answer);
        ck_assert(permits[i].status != 200 || has(answer, user.text));
        free(answer);
    }
    arena_free(arena);
    stop();
}
END_TEST

START_TEST(server__keeps_a_connection_through_refusals)
{
    configure();
    start();
    int fd = dial();
    say(fd, "GET /nothing HTTP/1.1\r\nHost: t\r\n\r\n"
            "POST /json HTTP/1.1\r\nHost: t\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nGET "
            "GET /echo/last HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
    char *answer = hear(fd);
    ck_assert_msg(has(answer, " 404 ") && has(answer, " 415 ") && has(answer, "\"word\":\"last\""), "%s",
                  answer);
    free(answer);
    stop();
}
END_TEST

/* One request holds the only thread for batches; the others wait and are taken together. */
static void run_batch(int fds[11])
{
    fds[0] = ask_only("GET /batch");
    gate_await(1);
    for (int i = 1; i < 11; i++)
        fds[i] = ask_only("GET /batch");
    await_queue(10);
    gate_open();
}

START_TEST(server__takes_waiting_requests_of_a_route_together)
{
    int fds[11];
    configure();
    start();
    run_batch(fds);
    for (int i = 0; i < 11; i++)
    {
        char *answer = hear(fds[i]);
        ck_assert_int_eq(status_of(answer), 200);
        free(answer);
    }
    ck_assert_int_eq(gate.largest, 10);
    ck_assert_int_eq(gate.singles, 1);
    stop();
}
END_TEST

static const struct
{
    enum err_code code;
    int status;
    int singles; /* calls of handle, the one that waited included */
} failures[] = {{E_CONFLICT, 200, 11}, {E_BUG, 200, 11}, {E_DATABASE, 503, 1}, {E_TIMEOUT, 503, 1}};

START_TEST(server__runs_a_failed_batch_one_by_one_but_not_in_an_outage)
{
    int fds[11];
    configure();
    gate.batch_fails = failures[_i].code;
    start();
    run_batch(fds);
    for (int i = 0; i < 11; i++)
    {
        char *answer = hear(fds[i]);
        ck_assert_int_eq(status_of(answer), i == 0 ? 200 : failures[_i].status);
        free(answer);
    }
    ck_assert_int_eq(gate.singles, failures[_i].singles);
    stop();
}
END_TEST

START_TEST(server__sheds_what_does_not_fit_the_queue)
{
    configure();
    conf.api_queue_max = 2;
    start();
    int fds[3];
    fds[0] = ask_only("GET /gate");
    gate_await(1);
    fds[1] = ask_only("GET /gate");
    fds[2] = ask_only("GET /gate");
    await_queue(2);
    char *answer = ask("GET /echo/x", "\r\n");
    ck_assert_int_eq(status_of(answer), 503);
    ck_assert(has(answer, "Retry-After: 1\r\n"));
    free(answer);
    gate_open();
    for (int i = 0; i < 3; i++)
    {
        answer = hear(fds[i]);
        ck_assert_int_eq(status_of(answer), 200);
        free(answer);
    }
    stop();
}
END_TEST

static int hear_status(int fd)
{
    char *answer = hear(fd);
    const int status = status_of(answer);
    free(answer);
    return status;
}

START_TEST(server__gives_one_owner_half_of_what_waits_for_the_internet)
{
    configure();
    start();
    struct person ada = person_new(), bob = person_new();
    int fds[20];
    for (int i = 0; i < 20; i++)
        fds[i] = ask_as(&ada, "GET /far");
    gate_await(4);
    await_queue(16);
    int bobs = ask_as(&bob, "GET /far");
    gate_await(5);
    ck_assert_int_eq(gate.inside, 5);
    ck_assert_int_eq(hear_status(ask_as(&ada, "GET /echo/x")), 200); /* what calls nobody waits for nobody */
    gate_open();
    ck_assert_int_eq(hear_status(bobs), 200);
    for (int i = 0; i < 20; i++)
        ck_assert_int_eq(hear_status(fds[i]), 200);
    stop();
    arena_free(ada.arena);
    arena_free(bob.arena);
}
END_TEST

START_TEST(server__sheds_of_who_floods_it_and_serves_the_others)
{
    configure();
    conf.api_queue_max = 2;
    start();
    struct person ada = person_new(), bob = person_new();
    int fds[3];
    fds[0] = ask_as(&ada, "GET /gate");
    gate_await(1);
    for (int i = 1; i < 3; i++)
    {
        fds[i] = ask_as(&ada, "GET /gate");
        await_queue(i);
    }
    int bobs = ask_as(&bob, "GET /echo/x");
    ck_assert_int_eq(hear_status(fds[2]), 503); /* the newest of ada's, for bob's */
    ck_assert_int_eq(hear_status(ask_as(&ada, "GET /echo/x")), 503);
    gate_open();
    ck_assert_int_eq(hear_status(bobs), 200);
    ck_assert_int_eq(hear_status(fds[0]), 200);
    ck_assert_int_eq(hear_status(fds[1]), 200);
    stop();
    arena_free(ada.arena);
    arena_free(bob.arena);
}
END_TEST

START_TEST(server__has_many_wait_for_their_time_on_no_thread)
{
    configure(); /* one executor */
    start();
    int fds[40];
    const int64_t began_ms = clock_mono_ms();
    for (int i = 0; i < 40; i++)
        fds[i] = ask_only("GET /later");
    for (int i = 0; i < 40; i++)
    {
        char *answer = hear(fds[i]);
        ck_assert_msg(has(answer, "text/second"), "%s", answer);
        free(answer);
    }
    ck_assert_int_ge(clock_mono_ms() - began_ms, LATER_MS);
    ck_assert_int_lt(clock_mono_ms() - began_ms, 40 * LATER_MS / 2);
    stop();
}
END_TEST

START_TEST(server__keeps_the_answer_that_stands_when_there_is_no_room_for_a_better_one)
{
    configure();
    conf.api_queue_max = 1;
    start();
    int waits = ask_only("GET /later");
    eventually(hear_status(ask_only("GET /echo/x")) == 200); /* and so behind it */
    int busy = ask_only("GET /gate");
    gate_await(1);
    int queued = ask_only("GET /gate");
    char *answer = hear(waits);
    ck_assert_msg(status_of(answer) == 200 && has(answer, "text/first"), "%s", answer);
    free(answer);
    gate_open();
    ck_assert_int_eq(hear_status(busy), 200);
    ck_assert_int_eq(hear_status(queued), 200);
    stop();
}
END_TEST

/* part: S199 -- with Postgres away, routes that need it say so within 5 s, also those that wait already */
START_TEST(server__keeps_nobody_waiting_for_a_database_that_is_gone)
{
    configure();
    start();
    int busy = ask_only("GET /database");
    gate_await(1);
    int waiting = ask_only("GET /database");
    await_queue(1);
    int64_t began_ms = clock_mono_ms();
    atomic_store(&database_there, false);
    char *answer = hear(waiting);
    ck_assert_int_eq(status_of(answer), 503);
    ck_assert(has(answer, "Retry-After: "));
    ck_assert_int_lt(clock_mono_ms() - began_ms, 5000);
    free(answer);
    answer = ask("GET /database", "\r\n");
    ck_assert_int_eq(status_of(answer), 503);
    free(answer);
    gate_open();
    answer = hear(busy);
    ck_assert_int_eq(status_of(answer), 200);
    free(answer);
    answer = ask("GET /echo/x", "\r\n");
    ck_assert_int_eq(status_of(answer), 200);
    free(answer);
    stop();
}
END_TEST

static void *drain_main(void *of)
{
    struct err err = ERR_INIT;
    int *code = of;
    *code = (int)server_drain(server, clock_mono_ms() + WAIT_MS, &err);
    return NULL;
}

/* req: S289 S291 S292 C26 */
START_TEST(server__drains_what_is_in_flight_and_turns_newcomers_away)
{
    configure();
    start();
    int fd = ask_only("GET /gate");
    gate_await(1);
    health_drain(app.health);
    pthread_t drainer;
    int code = -1;
    ck_assert_int_eq(pthread_create(&drainer, NULL, drain_main, &code), 0);
    char *answer = ask("GET /echo/x", "\r\n");
    ck_assert_int_eq(status_of(answer), 503);
    ck_assert(has(answer, "Retry-After: ") && has(answer, "Connection: close"));
    free(answer);
    answer = ask("GET /nothing", "\r\n");
    ck_assert_int_eq(status_of(answer), 503);
    free(answer);
    answer = ask("GET /free", "\r\n");
    ck_assert_int_eq(status_of(answer), 200);
    free(answer);
    gate_open();
    answer = hear(fd);
    ck_assert_int_eq(status_of(answer), 200);
    free(answer);
    pthread_join(drainer, NULL);
    ck_assert_int_eq(code, E_OK);
    server_free(server);
    health_stop(app.health);
}
END_TEST

/* part: C27 */
START_TEST(server__says_when_requests_do_not_end_in_time)
{
    configure();
    start();
    int fd = ask_only("GET /gate");
    gate_await(1);
    struct err err = ERR_INIT;
    health_drain(app.health);
    ck_assert_int_eq(server_drain(server, clock_mono_ms() + 300, &err), E_TIMEOUT);
    gate_open();
    char *answer = hear(fd);
    ck_assert_int_eq(status_of(answer), 200);
    free(answer);
    stop();
}
END_TEST

static const struct
{
    const char *begin;
    const char *drip; /* one byte at a time, for ever */
} slow[] = {
    {"", "GET /echo/x HTTP/1.1\r\nHost: t\r\nX-A: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"},
    {"GET /echo/x HTTP/1.1\r\n", "X-A: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"},
    {"POST /json HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\nContent-Length: 90\r\n\r\n",
     "                                                                              "},
    {"POST /nothing HTTP/1.1\r\nHost: t\r\nContent-Length: 90\r\n\r\n",
     "                                                                              "},
};

/* req: S178 S179 part: S180 */
START_TEST(server__cuts_who_is_slow)
{
    configure();
    start();
    int fd = dial();
    say(fd, slow[_i].begin);
    int64_t began_ms = clock_mono_ms();
    struct timeval pace = {.tv_usec = 100000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &pace, sizeof pace);
    ssize_t got = -1;
    for (const char *c = slow[_i].drip; *c != '\0' && got < 0; c++)
    {
        if (send(fd, c, 1, MSG_NOSIGNAL) != 1)
            break;
        char trash[64];
        got = recv(fd, trash, sizeof trash, 0); /* paces the loop, too */
        if (got < 0 && errno != EAGAIN)
            break;
    }
    ck_assert_int_le(got, 0);
    ck_assert_int_ge(clock_mono_ms() - began_ms, 900);
    ck_assert_int_lt(clock_mono_ms() - began_ms, 5000);
    close(fd);
    stop();
}
END_TEST

START_TEST(server__holds_no_crowd_of_one_address)
{
    configure();
    conf.api_connections_per_address = 3;
    start();
    int fds[3];
    for (int i = 0; i < 3; i++)
    {
        fds[i] = dial();
        say(fds[i], "GET /free HTTP/1.1\r\nHost: t\r\n\r\n");
        char byte;
        ck_assert_int_eq(recv(fds[i], &byte, 1, MSG_PEEK), 1);
    }
    int fd = dial();
    char byte;
    ck_assert_int_le(recv(fd, &byte, 1, 0), 0);
    close(fd);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    stop();
}
END_TEST

START_TEST(server__sends_a_refusal_to_who_still_talks)
{
    configure();
    start();
    int fd = dial();
    say(fd, "POST /json HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\nContent-Length: "
            "4000000\r\n\r\n");
    char *lots = calloc(1, 4000001);
    memset(lots, ' ', 4000000);
    for (size_t sent = 0; sent < 4000000;)
    {
        ssize_t put = send(fd, lots + sent, 4000000 - sent, MSG_NOSIGNAL);
        if (put <= 0)
            break;
        sent += (size_t)put;
    }
    free(lots);
    char *answer = hear(fd);
    ck_assert_msg(status_of(answer) == 413, "%s", answer);
    free(answer);
    stop();
}
END_TEST

int main(void)
{
    const struct suite_case cases[] = {
        {server__answers_by_the_contract, 1},
        {server__lets_in_who_may, 1},
        {server__keeps_a_connection_through_refusals, 1},
        {server__takes_waiting_requests_of_a_route_together, 1},
        {server__runs_a_failed_batch_one_by_one_but_not_in_an_outage, sizeof failures / sizeof failures[0]},
        {server__sheds_what_does_not_fit_the_queue, 1},
        {server__gives_one_owner_half_of_what_waits_for_the_internet, 1},
        {server__sheds_of_who_floods_it_and_serves_the_others, 1},
        {server__has_many_wait_for_their_time_on_no_thread, 1},
        {server__keeps_the_answer_that_stands_when_there_is_no_room_for_a_better_one, 1},
        {server__keeps_nobody_waiting_for_a_database_that_is_gone, 1},
        {server__drains_what_is_in_flight_and_turns_newcomers_away, 1},
        {server__says_when_requests_do_not_end_in_time, 1},
        {server__cuts_who_is_slow, sizeof slow / sizeof slow[0]},
        {server__holds_no_crowd_of_one_address, 1},
        {server__sends_a_refusal_to_who_still_talks, 1},
    };
    return suite_run("server", cases, sizeof cases / sizeof cases[0]);
}
