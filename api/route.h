/* SPDX-License-Identifier: Apache-2.0 */
/*
 * route.h -- what a row of THE TABLE (api/routes.c) says about a route.
 *
 * The shell reads a row and does the rest before a handler sees the request: path and method (404,
 * 405), query names (400), body limit (413), content type (415), who may (401, 403), database away
 * (503), Idempotency-Key's form (400).  A handler never repeats these checks.
 *
 * A batch handler gets requests of one route that waited together, 1 to ROUTE_BATCH, all allowed.  It
 * answers each with reply_json or reply_error and returns E_OK.  When it fails as a whole, E_DATABASE,
 * E_TIMEOUT and E_UNAVAILABLE answer all that have no reply yet; any other failure runs `handle` for
 * each of them, so both are needed.  request_db of any of them is the same connection.
 */
#ifndef SOKOUL_API_ROUTE_H
#define SOKOUL_API_ROUTE_H

#include "api/request.h"

enum
{
    ROUTE_BATCH = 64,
    ROUTE_BODY_BYTES = 1 << 20, /* the limit when a row says 0 */
    ROUTE_MAX_QUERY = 8
};

/*  X(id, name): who may ask; a valid token is used on routes for all, too, and a broken one is 401 there.
 *  A row that says nothing is for nobody. */
#define WHO_TABLE(X)                                                                                         \
    X(NOBODY, "nobody")                                                                                      \
    X(ALL, "all")                                                                                            \
    X(USER, "user")                                                                                          \
    X(MODERATOR, "moderator")                                                                                \
    X(ADMIN, "admin")

enum route_who
{
#define X(id, name) WHO_##id,
    WHO_TABLE(X)
#undef X
};

enum route_flag
{
    ROUTE_DB = 1,         /* 503 at once while Postgres is away */
    ROUTE_IDEMPOTENT = 2, /* takes Idempotency-Key */
    ROUTE_BODY_JSON = 4,  /* has a JSON body, which may not be empty (routes without a body flag ignore it) */
    ROUTE_BODY_BYTES_OK = 8,  /* another Content-Type than JSON is fine: the handler looks at it */
    ROUTE_INTERNAL = 16,      /* from METRICS_ALLOW only */
    ROUTE_FREE = 32,          /* health and metrics: no limits, also answered while draining */
    ROUTE_BODY_OPTIONAL = 64, /* with ROUTE_BODY_JSON: no body at all is fine, too */
    ROUTE_ENDED_OK = 128,     /* a token whose session has ended is fine: ending it twice is no failure */
    ROUTE_LOGIN = 256         /* about accounts and what lets people in: for a login, not for an API key */
};

/* Which limits count (mw/limits.h), beside that of the address. */
enum route_limit
{
    LIMIT_BY_WHO, /* WHO_ALL: that of requests without a login, else the user's */
    LIMIT_SEARCH  /* the user's, and that of searches */
};

struct route
{
    enum method method;
    const char *pattern; /* "/media/{id}"; a parameter fills one segment */
    enum route_who who;
    enum route_lane lane; /* the first; a handler may go on in another (request_go_on) */
    unsigned flags;       /* of enum route_flag */
    size_t max_body_bytes;
    enum route_limit limit;
    const char *query[ROUTE_MAX_QUERY + 1]; /* allowed names, NULL after the last */
    enum err_code (*handle)(struct request *req, struct err *err);
    enum err_code (*handle_batch)(struct request **reqs, size_t count, struct err *err); /* or NULL */
};

struct route_table
{
    const struct route *rows;
    size_t count;
};

extern const struct route_table routes; /* api/routes.c */

/* A line for each row on stdout, a tab between: method, pattern, who may, "login" where an API key
 * may not, else "key".  For tools and tests. */
void route_print_all(void);

#endif
