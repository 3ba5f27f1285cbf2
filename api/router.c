/* SPDX-License-Identifier: Apache-2.0 */
#include "api/router.h"

#include "api/query.h"
#include "common/base/log.h"

#include <stdlib.h>
#include <string.h>

struct segment
{
    const char *text;
    size_t len;
};

struct path
{
    struct segment segment[ROUTER_MAX_SEGMENTS];
    size_t count;
};

struct entry
{
    const struct route *route;
    struct path pattern;                   /* parameters without their braces */
    const char *name[ROUTER_MAX_SEGMENTS]; /* of the parameter; NULL: a literal */
    char names[ROUTER_MAX_SEGMENTS][24];   /* where `name` points */
};

struct router
{
    size_t count;
    struct entry entry[];
};

static const char *const method_names[] = {
#define X(id, name) name,
    METHOD_TABLE(X)
#undef X
};

static bool split(const char *text, struct path *path)
{
    path->count = 0;
    if (*text != '/')
        return false;
    while (*text == '/')
    {
        text++;
        size_t len = strcspn(text, "/");
        if (path->count == ROUTER_MAX_SEGMENTS)
            return false;
        path->segment[path->count++] = (struct segment){text, len};
        text += len;
    }
    return true;
}

static void broken_row(const struct route *route, const char *why)
{
    log_error("routes", "the row of %s makes no sense: %s", route->pattern, why);
    log_close();
    abort();
}

static void compile(struct entry *entry, const struct route *route)
{
    entry->route = route;
    if (!split(route->pattern, &entry->pattern))
        broken_row(route, "not a path, or too long");
    if (route->handle == NULL || route->method >= METHOD_OTHER || route->method == METHOD_HEAD)
        broken_row(route, "no handler or a method that the shell answers");
    for (size_t i = 0; i < entry->pattern.count; i++)
    {
        struct segment *segment = &entry->pattern.segment[i];
        if (segment->len == 0 || segment->text[0] != '{')
            continue;
        size_t len = segment->len - 2;
        if (segment->text[segment->len - 1] != '}' || len == 0 || len >= sizeof entry->names[i])
            broken_row(route, "a parameter without a name");
        memcpy(entry->names[i], segment->text + 1, len);
        entry->name[i] = entry->names[i];
    }
}

/* How well a path fits: 0 not at all; more literals are better, earlier ones count more. */
static unsigned fit(const struct entry *entry, const struct path *path)
{
    if (entry->pattern.count != path->count)
        return 0;
    unsigned score = 1;
    for (size_t i = 0; i < path->count; i++)
    {
        const struct segment *ours = &entry->pattern.segment[i];
        const struct segment *theirs = &path->segment[i];
        score <<= 1;
        if (entry->name[i] != NULL && theirs->len > 0)
            continue;
        if (entry->name[i] != NULL || ours->len != theirs->len ||
            memcmp(ours->text, theirs->text, ours->len) != 0)
            return 0;
        score |= 1;
    }
    return score;
}

static void refuse_twins(const struct router *router)
{
    for (size_t i = 0; i < router->count; i++)
        for (size_t j = 0; j < i; j++)
            if (router->entry[i].route->method == router->entry[j].route->method &&
                strcmp(router->entry[i].route->pattern, router->entry[j].route->pattern) == 0)
                broken_row(router->entry[i].route, "twice the same");
}

struct router *router_new(const struct route_table *table)
{
    struct router *router = calloc(1, sizeof *router + table->count * sizeof router->entry[0]);
    if (router == NULL)
        return NULL;
    router->count = table->count;
    for (size_t i = 0; i < table->count; i++)
        compile(&router->entry[i], &table->rows[i]);
    refuse_twins(router);
    return router;
}

void router_free(struct router *router)
{
    free(router);
}

static enum err_code take_params(struct request *req, const struct entry *entry, const struct path *path,
                                 struct err *err)
{
    req->param_count = 0;
    for (size_t i = 0; i < path->count && req->param_count < REQUEST_MAX_PARAMS; i++)
    {
        if (entry->name[i] == NULL)
            continue;
        struct request_pair *param = &req->param[req->param_count];
        param->name = entry->name[i];
        if (query_decode(req->arena, path->segment[i].text, path->segment[i].len, PLUS_IS_PLUS, &param->value,
                         err) != E_OK)
            return err->code;
        req->param_count++;
    }
    return E_OK;
}

static void list_allowed(unsigned methods, char allow[ROUTER_ALLOW_SIZE])
{
    if (methods & 1u << METHOD_GET)
        methods |= 1u << METHOD_HEAD;
    methods |= 1u << METHOD_OPTIONS;
    allow[0] = '\0';
    for (unsigned i = 0; i < METHOD_OTHER; i++)
    {
        if (!(methods & 1u << i))
            continue;
        if (allow[0] != '\0')
            strcat(allow, ", ");
        strcat(allow, method_names[i]);
    }
}

enum err_code router_find(const struct router *router, struct request *req, char allow[ROUTER_ALLOW_SIZE],
                          struct err *err)
{
    struct path path;
    if (!split(req->target, &path))
        return fail(err, E_NOT_FOUND, "there is nothing at this path");
    enum method method = req->method == METHOD_HEAD ? METHOD_GET : req->method;
    unsigned best_fit = 0;
    for (size_t i = 0; i < router->count; i++)
    {
        unsigned score = fit(&router->entry[i], &path);
        best_fit = score > best_fit ? score : best_fit;
    }
    if (best_fit == 0)
        return fail(err, E_NOT_FOUND, "there is nothing at this path");
    const struct entry *best = NULL;
    unsigned methods = 0;
    for (size_t i = 0; i < router->count; i++)
    {
        const struct entry *entry = &router->entry[i];
        if (fit(entry, &path) != best_fit)
            continue;
        methods |= 1u << entry->route->method;
        if (entry->route->method == method)
            best = entry;
    }
    list_allowed(methods, allow);
    if (best == NULL)
        return fail(err, E_METHOD, "this path knows %s", allow);
    req->route = best->route;
    return take_params(req, best, &path, err);
}
