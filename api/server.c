/* SPDX-License-Identifier: Apache-2.0 */
#include "api/server.h"

#include "api/address.h"
#include "api/budget.h"
#include "api/conns.h"
#include "api/flight.h"
#include "api/lanes.h"
#include "api/listen.h"
#include "api/mw/chain.h"
#include "api/mw/limits.h"
#include "api/mw/links.h"
#include "api/overrule.h"
#include "api/pool.h"
#include "api/query.h"
#include "api/refusal.h"
#include "api/reply.h"
#include "api/route.h"
#include "api/router.h"
#include "api/screen.h"
#include "api/slots.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/conf/conf.h"
#include "common/obs/health.h"
#include "common/obs/turn_away.h"

#include <microhttpd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum
{
    CONNECTION_MEMORY_BYTES = 16384,
    DRAINED_BODY_BYTES = 65536, /* a refused request's body is read up to this, to keep the connection */
    SEND_LIMIT_MS = 120000,
    GRACE_MS = 500, /* the least time in which new connections are answered 503 */
    CUT_BEFORE_MS = 1500,
    SETTLE_MS = 200,       /* the least time for handshakes that have begun */
    OWED_MS = 1000,        /* for who has come and not asked yet */
    OWED_BEFORE_MS = 300,  /* that much is left of the time for the rest */
    LEAVING = CONNS_EXTRA, /* sent away, and not closed by the library yet */
    LOOK_MS = 10,
    PAST_BYTES = 32768
};

/* What the event thread is doing with a request. */
enum stage
{
    STAGE_HEAD,
    STAGE_BODY,
    STAGE_REFUSED, /* the reply stands, the body is read away */
    STAGE_WORK     /* a lane has it, or has just given it back */
};

struct server
{
    const struct app *app;
    struct router *router;
    struct pool *pool;
    struct conns *conns;
    struct lanes *lanes;
    struct flight *flight;
    struct budgets budgets;
    struct MHD_Daemon *daemon;
    size_t slots;
    int listen_fd;
    int port;
};

/* ---- answering ------------------------------------------------------------------------------- */

static void add_headers(struct server *server, struct MHD_Response *response, const struct request *req)
{
    MHD_add_response_header(response, "X-Request-ID", req->id);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (req->reply.content_type != NULL)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, req->reply.content_type);
    for (size_t i = 0; i < req->reply.header_count; i++)
        MHD_add_response_header(response, req->reply.header[i].name, req->reply.header[i].value);
    /* How the library reads the frame of chunks is its secret, so nothing is read behind them. */
    const bool last = req->reply.close || req->header[HEADER_TRANSFER_ENCODING] != NULL;
    if (last || health_draining(server->app->health))
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
}

/* The body stays the request's, which outlives the response. */
static enum MHD_Result send_reply(struct server *server, struct MHD_Connection *connection,
                                  struct request *req)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(req->reply.body.len, req->reply.body.data, MHD_RESPMEM_PERSISTENT);
    if (response == NULL)
        return MHD_NO;
    add_headers(server, response, req);
    conns_phase(req->conn, CONN_SEND);
    if (req->reply.body.len > CONN_SEND_BYTES)
        conn_narrow(req->conn);
    bool queued = overrule_queue(connection, (unsigned)req->reply.status, response);
    MHD_destroy_response(response);
    pool_unload(req);
    return queued ? MHD_YES : MHD_NO;
}

static enum MHD_Result finish(struct server *server, struct MHD_Connection *connection, struct request *req)
{
    chain_finish(req);
    return send_reply(server, connection, req);
}

/* ---- the head ---------------------------------------------------------------------------------- */

static enum MHD_Result take_header(void *of, enum MHD_ValueKind kind, const char *name, size_t name_len,
                                   const char *value, size_t value_len)
{
    (void)kind;
    screen_header(of, name, name_len, value, value_len);
    return MHD_YES;
}

static enum method method_of(const char *text)
{
    static const char *const names[] = {
#define X(id, name) name,
        METHOD_TABLE(X)
#undef X
    };
    size_t i = 0;
    while (i < METHOD_OTHER && strcmp(names[i], text) != 0)
        i++;
    return (enum method)i;
}

/* Whatever fails here is a client that does not speak HTTP as it should: the connection ends. */
static enum err_code read_head(struct server *server, struct MHD_Connection *connection, struct request *req,
                               const char *version, const char **query, struct err *err)
{
    const struct screen_line line = {req->method_text, req->target, version};
    struct screen screen = {.req = req};
    MHD_get_connection_values_n(connection, MHD_HEADER_KIND, take_header, &screen);
    screen_request_id(req);
    address_client(&server->app->conf->trusted_proxies, conn_address(req->conn),
                   req->header[HEADER_FORWARDED_FOR], req->client);
    address_block(req->client, req->block);
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    if (screen_end(&screen, &line, info != NULL ? info->header_size : 0, err) != E_OK)
        return err->code;
    return screen_target(req, req->target, query, err);
}

/* E_METHOD for OPTIONS, too: the path is known, and the Allow header is set. */
static enum err_code find_route(struct server *server, struct request *req, const char *query,
                                struct err *err)
{
    char allow[ROUTER_ALLOW_SIZE];
    enum err_code code = router_find(server->router, req, allow, err);
    if (drain_check(req, err) != E_OK) /* whatever it is that is asked for */
        return err->code;
    if (conn_is_extra(req->conn) && (code != E_OK || (req->route->flags & ROUTE_FREE) == 0))
        return fail(err, E_UNAVAILABLE, "every place is taken, please ask again");
    if (limits_early(req, err) != E_OK)
        return err->code;
    if (code == E_METHOD)
        reply_header(req, MHD_HTTP_HEADER_ALLOW, arena_strdup(req->arena, allow));
    if (code == E_OK)
        code = query_parse(req, query, err);
    if (code == E_OK)
        code = chain_run(chain_event, req, err);
    return code;
}

/* Keeps the connection when what is left to read is short; else answers now and ends it. */
static enum MHD_Result refuse(struct server *server, struct MHD_Connection *connection, struct request *req,
                              const struct err *err)
{
    const char *length = req->header[HEADER_CONTENT_LENGTH];
    bool chunked = req->header[HEADER_TRANSFER_ENCODING] != NULL;
    unsigned long long body_bytes = length != NULL ? strtoull(length, NULL, 10) : 0;
    bool may_wait = req->header[HEADER_EXPECT] == NULL && err->code != E_TOO_LARGE && !req->reply.close;
    if (req->method == METHOD_OPTIONS && err->code == E_METHOD)
        reply_no_content(req);
    else
        reply_error(req, err);
    if (!chunked && body_bytes <= DRAINED_BODY_BYTES && may_wait)
    {
        req->stage = STAGE_REFUSED;
        conns_phase(req->conn, CONN_BODY);
        return MHD_YES;
    }
    req->reply.close = true;
    if (chunked || body_bytes > 0)
        conns_linger(req->conn);
    return finish(server, connection, req);
}

static enum MHD_Result take_head(struct server *server, struct MHD_Connection *connection,
                                 struct request *req, const char *method, const char *version)
{
    struct err err = ERR_INIT;
    const char *query = "";
    req->method_text = method;
    req->method = method_of(method);
    req->reply.close = conn_is_extra(req->conn);
    if (read_head(server, connection, req, version, &query, &err) != E_OK)
    {
        req->reply.close = true;
        return refuse(server, connection, req, &err);
    }
    if (find_route(server, req, query, &err) != E_OK)
        return refuse(server, connection, req, &err);
    req->upload.max = size_limit(req->route);
    req->stage = STAGE_BODY;
    conns_phase(req->conn, CONN_BODY);
    return MHD_YES;
}

/* ---- the body ---------------------------------------------------------------------------------- */

/* Who sends too much is answered at once and not read to the end. */
static enum MHD_Result take_body(struct request *req, const char *data, size_t len)
{
    struct err err = ERR_INIT;
    buf_add(&req->upload, data, len);
    if (req->upload.failed)
        fail(&err, E_TOO_LARGE, "the body may have %zu bytes", size_limit(req->route));
    if (err.code == E_OK && upload_charge(req, &err) == E_OK)
        return MHD_YES;
    refusal_send(req, &err);
    return MHD_NO;
}

static enum MHD_Result run_here(struct server *server, struct MHD_Connection *connection, struct request *req)
{
    struct err err = ERR_INIT;
    if (req->route->handle(req, &err) != E_OK)
        reply_error(req, &err);
    return finish(server, connection, req);
}

/* First suspended, then pushed: the lane may be done before this returns. */
static enum MHD_Result push(struct server *server, struct MHD_Connection *connection, struct request *req)
{
    req->stage = STAGE_WORK;
    conns_phase(req->conn, CONN_WORK);
    MHD_suspend_connection(connection);
    lanes_push(server->lanes, req);
    return MHD_YES;
}

/* What the client has done wrong counts, too. */
static enum MHD_Result finish_refused(struct server *server, struct MHD_Connection *connection,
                                      struct request *req)
{
    req->only_counts = limits_apply(req);
    return req->only_counts ? push(server, connection, req) : finish(server, connection, req);
}

static enum MHD_Result hand_over(struct server *server, struct MHD_Connection *connection,
                                 struct request *req)
{
    struct err err = ERR_INIT;
    req->body = req->upload.data;
    req->body_len = req->upload.len;
    if (body_check(req, &err) != E_OK)
    {
        reply_error(req, &err);
        return finish_refused(server, connection, req);
    }
    if (req->route->lane == LANE_EVENT)
        return run_here(server, connection, req);
    return push(server, connection, req);
}

/* The library gives up a request whose client has closed its half while it was suspended. A long answer is
 * left to it all the same: the socket may not take it at once. */
static void answer_half_closed(struct request *req)
{
    struct buf text;
    if (req->reply.content_type == NULL || req->method == METHOD_HEAD || req->reply.body.len > PAST_BYTES ||
        !conn_is_half_closed(req->conn))
        return;
    buf_init(&text, 2 * PAST_BYTES);
    reply_raw(req, &text);
    if (!text.failed)
        conn_send_last(req->conn, text.data, text.len);
    buf_fini(&text);
}

static void give_back(struct request *req)
{
    answer_half_closed(req);
    MHD_resume_connection(req->connection);
}

/* ---- what the library calls, all on the event thread ------------------------------------------- */

static enum MHD_Result on_request(void *of, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data, size_t *len,
                                  void **slot)
{
    (void)url;
    struct server *server = of;
    struct request *req = *slot;
    if (req == NULL)
        return MHD_NO; /* out of memory: the connection ends */
    if (conn_was_sent_away(req->conn))
        return MHD_NO;
    if (req->stage == STAGE_HEAD)
        return take_head(server, connection, req, method, version);
    if (req->stage == STAGE_WORK)
        return send_reply(server, connection, req);
    if (*len > 0)
    {
        size_t got = *len;
        *len = 0;
        return req->stage == STAGE_BODY ? take_body(req, data, got) : MHD_YES;
    }
    if (req->stage == STAGE_REFUSED)
        return finish_refused(server, connection, req);
    return hand_over(server, connection, req);
}

static struct conn *conn_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info != NULL ? info->socket_context : NULL;
}

/* Before the request line is complete there is no request yet: one is made for the answer. */
void server_refuse(struct MHD_Connection *connection, unsigned status)
{
    struct conn *conn = conn_of(connection);
    if (conn == NULL || conn_was_sent_away(conn))
        return;
    struct server *server = conn_owner(conn);
    struct request *there = conn_request(conn);
    struct request *req = there != NULL ? there : pool_get(server->pool);
    if (req == NULL)
        return;
    struct err err = ERR_INIT;
    if (status == MHD_HTTP_CONTENT_TOO_LARGE && req->header[HEADER_TRANSFER_ENCODING] != NULL)
        status = MHD_HTTP_BAD_REQUEST; /* no body's length, but a chunk's size that it cannot read */
    refusal_judge(status, &err);
    req->conn = conn;
    refusal_send(req, &err);
    if (there == NULL)
        pool_put(server->pool, req);
}

/* The request line is there, exactly as it was sent. */
static void *on_uri(void *of, const char *uri, struct MHD_Connection *connection)
{
    struct server *server = of;
    struct request *req = pool_get(server->pool);
    if (req == NULL)
        return NULL;
    req->connection = connection;
    req->conn = conn_of(connection);
    req->target = arena_strdup(req->arena, uri);
    if (req->target == NULL)
        req->target = "";
    conn_set_request(req->conn, req);
    conns_phase(req->conn, CONN_HEAD);
    req->flight = flight_begin(server->flight);
    return req;
}

static void on_completed(void *of, struct MHD_Connection *connection, void **slot,
                         enum MHD_RequestTerminationCode why)
{
    (void)why;
    (void)connection;
    struct server *server = of;
    struct request *req = *slot;
    if (req == NULL)
        return;
    *slot = NULL;
    const enum flight_side side = req->flight;
    conn_set_request(req->conn, NULL);
    conns_phase(req->conn, CONN_IDLE);
    pool_put(server->pool, req);
    flight_end(server->flight, side);
}

static void on_connection(void *of, struct MHD_Connection *connection, void **slot,
                          enum MHD_ConnectionNotificationCode what)
{
    struct server *server = of;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED)
    {
        conns_remove(server->conns, *slot);
        *slot = NULL;
        return;
    }
    /* One answer at a time: the library may give each of them in the same place. */
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    const int fd = info != NULL ? info->connect_fd : -1;
    info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (fd >= 0 && info != NULL)
        *slot = conns_add(server->conns, fd, info->client_addr);
}

static enum MHD_Result on_accept(void *of, const struct sockaddr *peer, socklen_t len)
{
    (void)len;
    struct server *server = of;
    return conns_admit(server->conns, peer) ? MHD_YES : MHD_NO;
}

PRINTF_LIKE(2, 0) static void on_message(void *of, const char *fmt, va_list args)
{
    (void)of;
    char text[256];
    vsnprintf(text, sizeof text, fmt, args);
    text[strcspn(text, "\n")] = '\0';
    log_debug("http", "%s", text);
}

/* Queries are ours to read, from what was sent; the library's copy is left as it is. */
static size_t keep_escaped(void *of, struct MHD_Connection *connection, char *text)
{
    (void)of;
    (void)connection;
    return strlen(text);
}

/* ---- life -------------------------------------------------------------------------------------- */

/* Four times a second: what waits for a database that has gone is not kept waiting. */
static void on_tick(void *of)
{
    struct server *server = of;
    struct health_state state = health_state(server->app->health, HEALTH_DATABASE);
    if (state.up || !state.watched)
        return;
    struct err err = ERR_INIT;
    fail(&err, E_DATABASE, "the database is away");
    lanes_fail_database(server->lanes, &err);
}

/* By the newest settings: a proxy that was added is many clients at one address. */
static bool is_exempt(void *of, const struct sockaddr *peer)
{
    const struct server *server = of;
    const struct conf *conf = server->app->conf;
    return conf_cidrs_contain(&conf->trusted_proxies, peer) ||
           conf_cidrs_contain(&conf->rate_limit_allow, peer);
}

static enum err_code start_conns(struct server *server, struct err *err)
{
    const struct conf *conf = server->app->conf;
    struct conns_config config = {
        .limit_ms = {[CONN_NEW] = (int64_t)conf->api_idle_timeout_s * 1000,
                     [CONN_HEAD] = (int64_t)conf->api_header_timeout_s * 1000,
                     [CONN_BODY] = (int64_t)conf->api_body_timeout_s * 1000,
                     [CONN_SEND] = SEND_LIMIT_MS,
                     [CONN_IDLE] = (int64_t)conf->api_keepalive_s * 1000},
        .min_read_bytes_s = conf->api_read_min_bytes_s,
        .max = server->slots,
        .full = reply_raw_full,
        .max_per_address = conf->api_connections_per_address,
        .exempt = is_exempt,
        .tick = on_tick,
        .of = server,
    };
    return conns_start(&config, &server->conns, err);
}

static enum err_code start_daemon(struct server *server, struct err *err)
{
    const struct conf *conf = server->app->conf;
    if (listen_open(&conf->api_listen, &server->listen_fd, &server->port, err) != E_OK)
        return err->code;
    unsigned flags =
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC | MHD_USE_ERROR_LOG;
    /* From 1.0 on the library joins folded lines unseen unless it is strict; before, it is strict about less
     * than we are and closes without a word. */
    const int strict = strtol(MHD_get_version(), NULL, 10) >= 1;
    /* The logger comes first: about the options before it the library would write to stderr. */
    server->daemon = MHD_start_daemon(
        flags, 0, on_accept, server, on_request, server, MHD_OPTION_EXTERNAL_LOGGER, on_message, NULL,
        MHD_OPTION_LISTEN_SOCKET, server->listen_fd, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_MEMORY_BYTES, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)(server->slots + CONNS_EXTRA + LEAVING), MHD_OPTION_CONNECTION_TIMEOUT, 0u,
        MHD_OPTION_STRICT_FOR_CLIENT, strict, MHD_OPTION_URI_LOG_CALLBACK, on_uri, server,
        MHD_OPTION_UNESCAPE_CALLBACK, keep_escaped, NULL, MHD_OPTION_NOTIFY_COMPLETED, on_completed, server,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_END);
    if (server->daemon != NULL)
        return E_OK;
    close(server->listen_fd);
    return fail(err, E_UNAVAILABLE, "the HTTP server does not start on %s:%d", conf->api_listen.host,
                server->port);
}

enum err_code server_start(const struct app *app, struct server **out, struct err *err)
{
    struct server *server = calloc(1, sizeof *server);
    if (server == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    server->app = app;
    server->slots = slots_have(app->conf->api_connections_max, CONNS_EXTRA + LEAVING);
    server->flight = flight_new();
    server->router = router_new(&routes);
    server->pool = pool_new(app, &server->budgets);
    enum err_code code = budgets_open(app->conf, &server->budgets, err);
    if (server->flight == NULL || server->router == NULL || server->pool == NULL)
        code = fail(err, E_NO_MEMORY, "out of memory");
    if (code == E_OK)
        code = lanes_start(app, give_back, &server->lanes, err);
    if (code == E_OK)
        code = start_conns(server, err);
    if (code == E_OK)
        code = start_daemon(server, err);
    if (code != E_OK)
    {
        server_free(server);
        return code;
    }
    *out = server;
    return E_OK;
}

int server_port(const struct server *server)
{
    return server->port;
}

/* In flight: first in their own time, then without those who have not read or sent anything for half of it.
 */
static enum err_code finish_requests(struct server *server, bool (*wait)(struct flight *, int64_t),
                                     int64_t began_ms, int64_t deadline_ms, struct err *err)
{
    if (wait(server->flight, deadline_ms - CUT_BEFORE_MS))
        return E_OK;
    conns_cut(server->conns, began_ms + (clock_mono_ms() - began_ms) / 2);
    if (wait(server->flight, deadline_ms))
        return E_OK;
    return fail(err, E_TIMEOUT, "requests in flight did not end in time");
}

/* Every connection that the kernel has completed is taken, and has its time to ask. */
static void await_newcomers(struct server *server, int64_t deadline_ms)
{
    const int64_t now_ms = clock_mono_ms();
    const int64_t last_ms = deadline_ms - OWED_BEFORE_MS;
    const int64_t until_ms = now_ms + OWED_MS < last_ms ? now_ms + OWED_MS : last_ms;
    flight_rest(server->flight, now_ms + SETTLE_MS);
    while (clock_mono_ms() < until_ms &&
           (listen_waiting(server->listen_fd) > 0 || conns_owed(server->conns) > 0))
        flight_rest(server->flight, clock_mono_ms() + LOOK_MS);
}

enum err_code server_drain(struct server *server, int64_t deadline_ms, struct err *err)
{
    const int64_t began_ms = clock_mono_ms();
    flight_part(server->flight);
    if (finish_requests(server, flight_wait_first, began_ms, deadline_ms, err) != E_OK)
        return err->code;
    flight_rest(server->flight, began_ms + GRACE_MS);
    turn_away(server->listen_fd);
    await_newcomers(server, deadline_ms);
    MHD_socket listen_fd = MHD_quiesce_daemon(server->daemon);
    if (finish_requests(server, flight_wait, clock_mono_ms(), deadline_ms, err) != E_OK)
        return err->code;
    conns_dismiss(server->conns, reply_raw_unavailable, strlen(reply_raw_unavailable));
    MHD_stop_daemon(server->daemon);
    server->daemon = NULL;
    listen_close(listen_fd);
    return E_OK;
}

void server_free(struct server *server)
{
    if (server == NULL)
        return;
    conns_stop(server->conns);
    lanes_stop(server->lanes);
    pool_free(server->pool);
    router_free(server->router);
    flight_free(server->flight);
    budgets_close(&server->budgets);
    free(server);
}
