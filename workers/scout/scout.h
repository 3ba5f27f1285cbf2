/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scout.h -- what the kinds of sokoul-scout share: a pool of clients, with which providers are asked.
 *
 * An HTTP client and a cache belong to one thread at a time and keep their connections between
 * calls.  The pool has pairs of them: a job gets a pair, uses it and puts it back.  There come to be as
 * many pairs as jobs ran at once, never more, and they stay until scout_close.
 *
 * Errors: E_NO_MEMORY.  Threads: any; never blocks but for an instant.
 */
#ifndef SOKOUL_WORKERS_SCOUT_SCOUT_H
#define SOKOUL_WORKERS_SCOUT_SCOUT_H

#include "common/cache/cache.h"
#include "common/conf/conf.h"
#include "common/http/http.h"
#include "workers/runtime/program.h"

struct scout;

struct scout_clients
{
    const struct conf *conf; /* as they were when the pair was got */
    struct http_client *http;
    struct cache *cache; /* NULL: there is none; everything works without */
    int provider_ms;     /* deadline of one call to a provider */
};

/* The program's open and close; also offers the hits and misses of all caches as metrics. */
enum err_code scout_open(const struct program_doors *doors, void **context, struct err *err);
void scout_close(void *context); /* all clients must have been put back */
void scout_take(void *context, const struct conf *now);

const struct conf *scout_conf(const struct scout *scout);

MUST_USE enum err_code scout_clients_get(struct scout *scout, const struct scout_clients **clients,
                                         struct err *err);
void scout_clients_put(struct scout *scout, const struct scout_clients *clients); /* NULL is fine */

#endif
