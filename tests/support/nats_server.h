/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nats_server.h -- a throw-away nats-server with JetStream on a free port of 127.0.0.1.
 *
 * It keeps its data in a folder of its own, knows the users `us` and `op` with the same password, and dies
 * with the test.  Failures abort the test.  One thread.
 */
#ifndef SOKOUL_TESTS_SUPPORT_NATS_SERVER_H
#define SOKOUL_TESTS_SUPPORT_NATS_SERVER_H

struct nats_server;

struct nats_server *nats_server_new(void);         /* runs, and answers when it returns */
void nats_server_free(struct nats_server *server); /* kills, and removes its folder; NULL is fine */
void nats_server_freeze(struct nats_server *server);
void nats_server_thaw(struct nats_server *server);
/* From now on this is our password, and the rest of the rules for `us`, in the server's own words. */
void nats_server_rule(struct nats_server *server, const char *password, const char *rules);
const char *nats_server_url(const struct nats_server *server); /* of `us`, with the first password */
const char *nats_server_op(const struct nats_server *server);  /* of `op` */
int nats_server_refusals(const struct nats_server *server);    /* logins that it has refused so far */

#define NATS_SERVER_PASSWORD "first"

#endif
