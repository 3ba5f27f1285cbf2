/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool.h -- requests that are used again, so that one costs no malloc in the usual case.
 * Threads: the event thread only.
 */
#ifndef SOKOUL_API_POOL_H
#define SOKOUL_API_POOL_H

#include "api/request.h"

struct pool;

struct pool *pool_new(const struct app *app, const struct budgets *budgets); /* NULL when out of memory */
void pool_free(struct pool *pool);                                           /* every request must be back */
struct request *pool_get(struct pool *pool);                                 /* NULL when out of memory */
void pool_put(struct pool *pool, struct request *req);
/* The reply is on its way, its headers copied: keeps the bytes of its body and no other memory. */
void pool_unload(struct request *req);

#endif
