/* SPDX-License-Identifier: Apache-2.0 */
/*
 * router.h -- from a path to a row of the table.
 *
 * Paths are compared as they were sent, segment by segment; only what fills a {parameter} is decoded.
 * A literal segment goes before a parameter ("/media/favorites" before "/media/{id}").
 * HEAD finds the GET row.  Threads: constant after router_new, any thread.
 */
#ifndef SOKOUL_API_ROUTER_H
#define SOKOUL_API_ROUTER_H

#include "api/route.h"

enum
{
    ROUTER_MAX_SEGMENTS = 8,
    ROUTER_ALLOW_SIZE = 64
};

struct router;

/* A row that makes no sense (pattern, twice the same, no handler) is a bug: it aborts. */
struct router *router_new(const struct route_table *table); /* NULL when out of memory */
void router_free(struct router *router);

/* Sets req->route and its parameters from req->target and req->method.  E_NOT_FOUND; E_METHOD, and
 * `allow` lists what the path knows ("GET, HEAD, OPTIONS"), which is also filled on success. */
MUST_USE enum err_code router_find(const struct router *router, struct request *req,
                                   char allow[ROUTER_ALLOW_SIZE], struct err *err);

#endif
