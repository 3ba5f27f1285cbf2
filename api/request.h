/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request.h -- one request, from its first line to its reply.
 *
 * A handler is linear code on an executor's thread: it reads from here, works, writes with
 * api/reply.h, and returns E_OK or a failure (which api/reply.c turns into problem+json).
 *
 *     static enum err_code media_get(struct request *req, struct err *err)
 *     {
 *         struct db *db;
 *         if (request_db(req, &db, err) != E_OK)
 *             return err->code;
 *         ...
 *         struct json_writer w = reply_begin(req);
 *         media_put(&w, &media);
 *         return reply_json(req, REPLY_OK, err);
 *     }
 *
 * Ownership: everything lives until the reply is sent; handlers free nothing and allocate from
 * req->arena (REQUEST_ARENA_BYTES at most).  All texts that came from outside are valid UTF-8
 * without NUL, but may be anything else.
 * Threads: one thread at a time.
 */
#ifndef SOKOUL_API_REQUEST_H
#define SOKOUL_API_REQUEST_H

#include "api/app.h"
#include "api/budget.h"
#include "api/flight.h"
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/id.h"
#include "common/json/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cache;
struct conn;
struct db;
struct http_client;
struct lane_thread;
struct request;
struct route;
struct turns_owner;

enum
{
    REQUEST_ARENA_BYTES = 24 << 20,
    REQUEST_ID_SIZE = 65,
    REQUEST_CLIENT_SIZE = 46, /* an IPv6 address as text */
    REQUEST_MAX_PARAMS = 4,
    REQUEST_MAX_QUERY = 24,
    REQUEST_DEADLINE_MS = 30000
};

/*  X(id, name): methods a route may have, HEAD and OPTIONS are answered by the shell */
#define METHOD_TABLE(X)                                                                                      \
    X(GET, "GET")                                                                                            \
    X(HEAD, "HEAD")                                                                                          \
    X(POST, "POST")                                                                                          \
    X(PUT, "PUT")                                                                                            \
    X(PATCH, "PATCH")                                                                                        \
    X(DELETE, "DELETE")                                                                                      \
    X(OPTIONS, "OPTIONS")

/* Where a handler runs. */
enum route_lane
{
    LANE_EXECUTOR,  /* Postgres and Redis only: milliseconds */
    LANE_PASSWORDS, /* argon2; a short queue, then 503 */
    LANE_PROVIDER,  /* calls another server over the internet */
    LANE_EVENT      /* on the event thread: must not block nor touch a server; ROUTE_FREE only */
};

enum method
{
#define X(id, name) METHOD_##id,
    METHOD_TABLE(X)
#undef X
    METHOD_OTHER
};

const char *method_name(enum method method); /* "OTHER" for what no route has */

/*  X(id, name, how often): the headers we look at; no other reaches a handler.  Once: twice is 400. */
#define HEADER_TABLE(X)                                                                                      \
    X(ACCEPT, "Accept", MANY)                                                                                \
    X(AUTHORIZATION, "Authorization", ONCE)                                                                  \
    X(API_KEY, "X-Api-Key", ONCE)                                                                            \
    X(CONTENT_LENGTH, "Content-Length", ONCE)                                                                \
    X(CONTENT_TYPE, "Content-Type", ONCE)                                                                    \
    X(EXPECT, "Expect", MANY)                                                                                \
    X(FORWARDED_FOR, "X-Forwarded-For", MANY)                                                                \
    X(HOST, "Host", ONCE)                                                                                    \
    X(IDEMPOTENCY_KEY, "Idempotency-Key", ONCE)                                                              \
    X(IF_NONE_MATCH, "If-None-Match", MANY)                                                                  \
    X(ORIGIN, "Origin", ONCE)                                                                                \
    X(RANGE, "Range", ONCE)                                                                                  \
    X(REQUEST_ID, "X-Request-ID", MANY)                                                                      \
    X(TRACEPARENT, "traceparent", MANY)                                                                      \
    X(TRANSFER_ENCODING, "Transfer-Encoding", ONCE)                                                          \
    X(USER_AGENT, "User-Agent", MANY)

enum header
{
#define X(id, name, often) HEADER_##id,
    HEADER_TABLE(X)
#undef X
    HEADER_COUNT
};

/* Rising: each may what those before it may. */
enum role
{
    ROLE_ANONYMOUS,
    ROLE_USER,
    ROLE_MODERATOR,
    ROLE_ADMIN,
    ROLE_COUNT /* nobody has it */
};

/* What one may do with what one has shown: an access token has all of them, an API key those it was given. */
enum scope
{
    SCOPE_READ = 1,  /* GET */
    SCOPE_WRITE = 2, /* the other methods */
    SCOPE_ADMIN = 4, /* as whatever one is; without it as a user */
    SCOPE_LOGIN = 8, /* routes marked ROUTE_LOGIN; no key has it */
    SCOPE_ALL = 15
};

struct user
{
    struct id id;      /* "" when anonymous */
    struct id session; /* "" when anonymous; with an API key the key's id */
    enum role role;
    unsigned scopes; /* of enum scope */
};

struct request_pair
{
    const char *name; /* static for path parameters */
    const char *value;
};

/* What is left to do for a request: in another lane, or later. */
struct request_step
{
    enum err_code (*run)(struct request *req, struct err *err); /* NULL: nothing is left */
    enum route_lane lane;
    int64_t at_ms; /* monotonic: the request waits until then, on no thread; 0: now */
    void *of;      /* the step's own, of the arena; stays while it runs */
};

struct request_reply
{
    int status; /* 0: nothing was answered yet */
    const char *content_type;
    struct buf body;
    struct request_pair header[12];
    size_t header_count;
    bool close; /* the connection ends with this reply */
};

struct request
{
    const struct app *app;
    const struct route *route; /* NULL until found */
    enum method method;
    const char *method_text;
    const char *target; /* the path: no query, which is never logged; %41 is A */
    struct arena *arena;

    char id[REQUEST_ID_SIZE];         /* X-Request-ID, ours or the client's */
    uint64_t span;                    /* its own, for the tracing */
    char client[REQUEST_CLIENT_SIZE]; /* address of the client, behind trusted proxies */
    char block[REQUEST_CLIENT_SIZE];  /* what counts as one address: of IPv6 the /64 */
    const char *header[HEADER_COUNT]; /* NULL when absent */
    struct user user;

    const char *body; /* terminated; "" when empty */
    size_t body_len;

    /* On routes marked ROUTE_IDEMPOTENT, else NULL: for the store, in the handler's transaction. */
    const char *idempotency_key;
    const char *body_sha256; /* hex; set together with the key */

    int64_t started_ns;  /* monotonic */
    int64_t deadline_ms; /* monotonic; stop working for this request then */

    /* The rest is the shell's; use the functions below. */
    struct request_pair param[REQUEST_MAX_PARAMS];
    size_t param_count;
    struct request_pair query[REQUEST_MAX_QUERY];
    size_t query_count;
    struct json_complaints complaints; /* becomes errors[] of a 400 */
    struct request_reply reply;
    struct lane_thread *thread;
    struct request_step step;
    struct request *next; /* in whatever list it stands */
    struct request *before;
    struct turns_owner *turn;
    void *connection; /* the HTTP library's */
    struct conn *conn;
    int stage; /* server.c's */
    enum flight_side flight;
    struct buf upload;
    const struct budgets *budgets;
    struct budget_share uploaded;
    struct budget_share answered;
    bool logged;
    bool counted;     /* by the limits */
    bool only_counts; /* it was refused on the event thread: the reply stands, but for what the limits say */
};

/* The path parameter `name` of the route's pattern, percent-decoded; never NULL for a name that is there. */
const char *request_param(const struct request *req, const char *name);
/* The same as an id.  False: it is no UUID, so nothing has it (404; 403 where the thing would be owned). */
bool request_param_id(const struct request *req, const char *name, struct id *id);

/* The query parameter `name`, decoded; NULL when absent.  Twice the same name was refused before. */
const char *request_query(const struct request *req, const char *name);
/* Absent leaves *value.  E_INVALID: not an integer within min..max; the complaint is noted. */
MUST_USE enum err_code request_query_int(struct request *req, const char *name, int64_t min, int64_t max,
                                         int64_t *value, struct err *err);

struct request_page
{
    int64_t page;       /* >= 1, default 1 */
    int64_t limit;      /* 1 to 100, default 20 */
    const char *cursor; /* NULL when absent */
};
/* page, limit and cursor of a list. */
MUST_USE enum err_code request_page(struct request *req, struct request_page *page, struct err *err);

/* The body as JSON.  E_INVALID: it is not. */
MUST_USE enum err_code request_json(struct request *req, const struct json **doc, struct err *err);
/* The body as an object read by a table (json.h); every complaint becomes a row of errors[].  A text needs a
 * limit, and may have control characters as JSON_LINES only.  After E_INVALID the fields that are right are
 * in `out`, the others as they were: what else is wrong may be noted, too. */
MUST_USE enum err_code request_read(struct request *req, const struct json_field *fields, size_t count,
                                    void *out, struct err *err);
/* Notes what is wrong with one field and returns E_INVALID; `err` tells the first that was noted, so that a
 * reader may go on to the next field.  `field` is static or of the arena. */
MUST_USE enum err_code request_complain(struct request *req, struct err *err, const char *field,
                                        const char *fmt, ...) PRINTF_LIKE(4, 5);

/* For `return`: the handler ends here, and the request goes on with this step.  The lane is entered anew,
 * after everybody who waits there already.  A reply that stands is kept until the step writes another one,
 * also when the step is never run: for lack of room or of time, or because the server goes away. */
enum err_code request_go_on(struct request *req, struct request_step step);
/* Whose request it is, for taking turns and for budgets: the user's id, or the address (of IPv6 the /64) of
 * who has not logged in. */
const char *request_owner(const struct request *req);

/* Looks at Content-Type without its parameters, case ignored. */
bool request_is_type(const struct request *req, const char *type);

/* The executor's own connection: got from the pool when first asked for, kept for the next request,
 * rolled back and put back by the shell.  Do not put it.  May wait for the pool. */
MUST_USE enum err_code request_db(struct request *req, struct db **db, struct err *err);
/* Gives it back early, before something slow (a provider, a password). */
void request_db_release(struct request *req);
/* The executor's own Redis connection; NULL when there is none: a miss. */
struct cache *request_cache(struct request *req);
/* The thread's own HTTP client, for provider clients on LANE_PROVIDER; NULL when out of memory. */
struct http_client *request_http(struct request *req);

#endif
