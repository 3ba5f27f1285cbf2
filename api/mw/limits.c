/* SPDX-License-Identifier: Apache-2.0 */
#include "api/mw/limits.h"

#include "api/address.h"
#include "api/mw/links.h"
#include "api/reply.h"
#include "api/route.h"
#include "common/conf/conf.h"
#include "common/obs/metrics.h"

#include <stdint.h>
#include <stdio.h>

enum
{
    MS_PER_S = 1000,
    FIELD_BYTES = 256,
    TOO_MANY = 429,
    SERVER_FAULT = 500 /* from this status on it is our fault */
};

_Static_assert((int)ROUTE_BATCH <= (int)LIMITER_MAX_REQUESTS, "a batch is one round trip");

enum policy
{
    POLICY_USER,
    POLICY_SEARCH,
    POLICY_ANONYMOUS,
    POLICY_ADDRESS,
    POLICY_COUNT
};

static const struct
{
    const char *name;
    const char *of; /* for people: "at most 10 … are answered" */
} policies[POLICY_COUNT] = {
    [POLICY_USER] = {"user", "requests of one user"},
    [POLICY_SEARCH] = {"search", "searches of one user"},
    [POLICY_ANONYMOUS] = {"anonymous", "requests without a login from one address"},
    [POLICY_ADDRESS] = {"address", "requests from one address"},
};

static uint32_t limit_of(const struct conf *conf, enum policy policy)
{
    const uint32_t limits[POLICY_COUNT] = {
        [POLICY_USER] = conf->rate_limit_user_per_min,
        [POLICY_SEARCH] = conf->rate_limit_search_per_min,
        [POLICY_ANONYMOUS] = conf->rate_limit_anon_per_min,
        [POLICY_ADDRESS] = conf->rate_limit_ip_per_min,
    };
    return limits[policy];
}

void limits_expect(void)
{
    for (size_t i = 0; i < POLICY_COUNT; i++)
        metrics_expect(METRIC_RATE_LIMITED, (const char *[]){policies[i].name});
}

/* ---- which policies ---------------------------------------------------------------------------------- */

bool limits_apply(const struct request *req)
{
    const bool is_free = req->route != NULL && (req->route->flags & ROUTE_FREE) != 0;
    const bool is_theirs = req->reply.status < SERVER_FAULT && req->reply.status != TOO_MANY;
    return !req->counted && !is_free && is_theirs &&
           !address_in(&req->app->conf->rate_limit_allow, req->client);
}

static void add(const struct request *req, enum policy policy, const char *whose,
                struct limiter_request *asked)
{
    struct limiter_ask *ask = &asked->asks[asked->count++];
    ask->policy = policy;
    ask->limit = limit_of(req->app->conf, policy);
    snprintf(ask->key, sizeof ask->key, "sokoul:limit:%s:%s", policies[policy].name, whose);
}

static bool is_for_everybody(const struct request *req)
{
    return req->route != NULL && req->route->who == WHO_ALL;
}

static void add_user(const struct request *req, struct limiter_request *asked)
{
    add(req, POLICY_USER, req->user.id.text, asked);
    if (req->route != NULL && req->route->limit == LIMIT_SEARCH)
        add(req, POLICY_SEARCH, req->user.id.text, asked);
}

/* Whether somebody who offers a token is who they say is looked at later. */
enum caller
{
    CALLER_KNOWN,
    CALLER_ANONYMOUS,
    CALLER_NOT_KNOWN_YET
};

static void find_policies(const struct request *req, enum caller caller, struct limiter_request *asked)
{
    asked->count = 0;
    add(req, POLICY_ADDRESS, req->block, asked);
    if (req->method == METHOD_OPTIONS) /* a browser asks so before it asks with its token */
        return;
    if (is_for_everybody(req) || caller == CALLER_ANONYMOUS)
        add(req, POLICY_ANONYMOUS, req->block, asked);
    else if (caller == CALLER_KNOWN)
        add_user(req, asked);
}

static enum caller caller_of(const struct request *req)
{
    return req->user.id.text[0] != '\0' ? CALLER_KNOWN : CALLER_ANONYMOUS;
}

/* ---- what is told ------------------------------------------------------------------------------------- */

static unsigned seconds_of(int64_t wait_ms)
{
    return wait_ms <= 0 ? 0 : (unsigned)((wait_ms + MS_PER_S - 1) / MS_PER_S);
}

static bool has_room(const struct limiter_ask *ask)
{
    return ask->used < ask->limit;
}

/* Of a refused request it says those that have no room: of the others nothing need be known. */
static void add_headers(struct request *req, const struct limiter_request *asked)
{
    struct buf policy;
    struct buf state;
    buf_init(&policy, FIELD_BYTES);
    buf_init(&state, FIELD_BYTES);
    for (size_t i = 0; i < asked->count; i++)
    {
        const struct limiter_ask *ask = &asked->asks[i];
        const char *name = policies[ask->policy].name;
        const uint32_t left = has_room(ask) ? ask->limit - ask->used : 0;
        buf_addf(&policy, "%s\"%s\";q=%u;w=%d", policy.len > 0 ? ", " : "", name, ask->limit,
                 LIMITER_WINDOW_S);
        if (asked->is_allowed || left == 0)
            buf_addf(&state, "%s\"%s\";r=%u;t=%u", state.len > 0 ? ", " : "", name, left,
                     seconds_of(ask->wait_ms));
    }
    reply_header(req, "RateLimit-Policy", arena_strndup(req->arena, policy.data, policy.len));
    reply_header(req, "RateLimit", arena_strndup(req->arena, state.data, state.len));
    buf_fini(&policy);
    buf_fini(&state);
}

/* Of the limits that refuse the one that lasts longest. */
static const struct limiter_ask *worst_of(const struct limiter_request *asked)
{
    const struct limiter_ask *worst = &asked->asks[0];
    for (size_t i = 1; i < asked->count; i++)
    {
        const struct limiter_ask *ask = &asked->asks[i];
        if (!has_room(ask) && (has_room(worst) || ask->wait_ms > worst->wait_ms))
            worst = ask;
    }
    return worst;
}

static enum err_code refuse(struct request *req, const struct limiter_request *asked, struct err *err)
{
    const struct limiter_ask *worst = worst_of(asked);
    const unsigned wait_s = worst->wait_ms > 0 ? seconds_of(worst->wait_ms) : 1;
    metrics_count(METRIC_RATE_LIMITED, (const char *[]){policies[worst->policy].name});
    req->reply.header_count = 0; /* those of a reply that is not given */
    add_headers(req, asked);
    fail(err, E_TOO_MANY, "at most %u %s are answered in any %d seconds: please ask again in %u s",
         worst->limit, policies[worst->policy].of, LIMITER_WINDOW_S, wait_s);
    err->retry_after_s = wait_s;
    return err->code;
}

/* ---- the two places ------------------------------------------------------------------------------------ */

enum err_code limits_early(struct request *req, struct err *err)
{
    struct limiter_request asked;
    if (!limits_apply(req))
        return E_OK;
    const bool may_be_known = caller_of(req) == CALLER_ANONYMOUS && auth_is_offered(req);
    find_policies(req, may_be_known ? CALLER_NOT_KNOWN_YET : caller_of(req), &asked);
    return limiter_refuses(req->app->limiter, &asked) ? refuse(req, &asked, err) : E_OK;
}

void limits_take(struct limiter_redis *redis, struct request **reqs, size_t count)
{
    struct limiter_request asked[ROUTE_BATCH];
    struct request *of[ROUTE_BATCH];
    size_t open = 0;
    for (size_t i = 0; i < count; i++)
        if (limits_apply(reqs[i]))
        {
            find_policies(reqs[i], caller_of(reqs[i]), &asked[open]);
            reqs[i]->counted = true;
            of[open++] = reqs[i];
        }
    if (open == 0)
        return;
    limiter_take(of[0]->app->limiter, redis, asked, open);
    for (size_t i = 0; i < open; i++)
    {
        struct err err = ERR_INIT;
        if (asked[i].is_allowed)
            add_headers(of[i], &asked[i]);
        else if (refuse(of[i], &asked[i], &err) != E_OK)
            reply_error(of[i], &err);
    }
}
