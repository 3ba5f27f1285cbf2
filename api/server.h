/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server.h -- the door to libmicrohttpd: one event thread that never blocks, lanes that do.
 *
 *     socket -> event thread: head, screen, route, chain_event, body
 *                 |                                   ^
 *                 | suspend, push                     | resume (a reply stands)
 *                 v                                   |
 *               lane: chain_executor, handler, chain_finish
 *
 * A request belongs to the event thread until it is pushed, to its lane until it is resumed, and to
 * the event thread again until the reply is out.  Everything about it is freed there.
 *
 * server_start listens when it returns.  server_drain blocks; the app's health should drain before.
 */
#ifndef SOKOUL_API_SERVER_H
#define SOKOUL_API_SERVER_H

#include "api/app.h"
#include "common/base/err.h"

#include <stdint.h>

struct server;

MUST_USE enum err_code server_start(const struct app *app, struct server **server, struct err *err);
int server_port(const struct server *server); /* the one really bound */

/* Waits until every request in flight is answered, new connections being answered 503 meanwhile, and stops.
 * E_TIMEOUT: some were not by `deadline_ms` (monotonic); threads still run, so end the process. */
MUST_USE enum err_code server_drain(struct server *server, int64_t deadline_ms, struct err *err);
void server_free(struct server *server); /* after server_drain said E_OK; NULL is fine */

#endif
