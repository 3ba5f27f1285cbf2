/* SPDX-License-Identifier: Apache-2.0 */
/* The links that need nothing but the request and its row: is this request acceptable at all? */
#include "api/mw/links.h"

#include "api/address.h"
#include "api/route.h"
#include "common/base/clock.h"
#include "common/conf/conf.h"
#include "common/obs/health.h"

#include <stdlib.h>
#include <string.h>

enum
{
    STOPPING_RETRY_S = 2,
    DATABASE_RETRY_S = 5,
    BACKLOG_RETRY_S = 30
};

enum err_code drain_check(struct request *req, struct err *err)
{
    bool is_free = req->route != NULL && (req->route->flags & ROUTE_FREE);
    if (is_free || !health_draining(req->app->health))
        return E_OK;
    req->reply.close = true;
    fail(err, E_SHUTDOWN, "the server is going away, please ask again");
    err->retry_after_s = STOPPING_RETRY_S;
    return err->code;
}

/* Routes that make jobs: shed before the outbox outgrows the disk. */
enum err_code backlog_check(struct request *req, struct err *err)
{
    if (!(req->route->flags & ROUTE_IDEMPOTENT) || app_backlog(req->app) <= req->app->conf->outbox_max)
        return E_OK;
    fail(err, E_UNAVAILABLE, "too many jobs wait already; NATS has been away or slow for long");
    err->retry_after_s = BACKLOG_RETRY_S;
    return err->code;
}

enum err_code internal_check(struct request *req, struct err *err)
{
    if (!(req->route->flags & ROUTE_INTERNAL) || address_in(&req->app->conf->metrics_allow, req->client))
        return E_OK;
    return fail(err, E_FORBIDDEN, "not from your address");
}

enum err_code query_check(struct request *req, struct err *err)
{
    for (size_t i = 0; i < req->query_count; i++)
    {
        const char *const *name = req->route->query;
        while (*name != NULL && strcmp(*name, req->query[i].name) != 0)
            name++;
        if (*name == NULL && request_complain(req, err, req->query[i].name, "is not known here") != E_OK)
            return err->code;
    }
    return E_OK;
}

size_t size_limit(const struct route *route)
{
    return route != NULL && route->max_body_bytes > 0 ? route->max_body_bytes : ROUTE_BODY_BYTES;
}

enum err_code size_check(struct request *req, struct err *err)
{
    const char *length = req->header[HEADER_CONTENT_LENGTH];
    if (length == NULL || strtoull(length, NULL, 10) <= size_limit(req->route))
        return E_OK;
    return fail(err, E_TOO_LARGE, "the body may have %zu bytes", size_limit(req->route));
}

bool body_follows(const struct request *req)
{
    const char *length = req->header[HEADER_CONTENT_LENGTH];
    if (req->header[HEADER_TRANSFER_ENCODING] != NULL)
        return true;
    return length != NULL && strspn(length, "0") != strlen(length);
}

enum err_code type_check(struct request *req, struct err *err)
{
    unsigned flags = req->route->flags;
    if (!(flags & ROUTE_BODY_JSON) || (flags & ROUTE_BODY_BYTES_OK) || !body_follows(req))
        return E_OK;
    if (request_is_type(req, "application/json"))
        return E_OK;
    return fail(err, E_MEDIA_TYPE, "the body must be application/json");
}

enum err_code body_check(struct request *req, struct err *err)
{
    unsigned flags = req->route->flags;
    if (!(flags & ROUTE_BODY_JSON) || (flags & ROUTE_BODY_OPTIONAL) || req->body_len > 0)
        return E_OK;
    return fail(err, E_INVALID, "a JSON body is needed");
}

enum err_code database_check(struct request *req, struct err *err)
{
    if (!(req->route->flags & ROUTE_DB) || health_up(req->app->health, HEALTH_DATABASE))
        return E_OK;
    fail(err, E_DATABASE, "the database is away");
    err->retry_after_s = DATABASE_RETRY_S;
    return err->code;
}

enum err_code deadline_check(struct request *req, struct err *err)
{
    if (clock_mono_ms() < req->deadline_ms)
        return database_check(req, err); /* it may have gone while the request waited */
    return fail(err, E_DEADLINE, "the request waited too long");
}
