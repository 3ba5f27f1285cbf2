/* SPDX-License-Identifier: Apache-2.0 */
#include "api/mw/links.h"

#include "api/reply.h"
#include "common/conf/conf.h"

#include <string.h>

/* Whether `origin` is one of the comma-separated list, compared byte by byte. */
static bool is_listed(const char *list, const char *origin)
{
    size_t want = strlen(origin);
    while (*list != '\0')
    {
        list += strspn(list, ", ");
        size_t len = strcspn(list, ", ");
        if (len == want && len > 0 && memcmp(list, origin, len) == 0)
            return true;
        list += len;
    }
    return false;
}

void cors_add(struct request *req)
{
    const char *origin = req->header[HEADER_ORIGIN];
    const char *list = req->app->conf->cors_origins;
    if (list[0] == '\0')
        return;
    reply_header(req, "Vary", "Origin");
    if (origin == NULL || !is_listed(list, origin))
        return;
    reply_header(req, "Access-Control-Allow-Origin", origin);
    reply_header(req, "Access-Control-Expose-Headers",
                 "X-Request-ID, Location, Retry-After, RateLimit, RateLimit-Policy");
    if (req->method != METHOD_OPTIONS)
        return;
    reply_header(req, "Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE");
    reply_header(req, "Access-Control-Allow-Headers",
                 "Authorization, Content-Type, Idempotency-Key, X-Api-Key, X-Request-ID");
    reply_header(req, "Access-Control-Max-Age", "600");
}
