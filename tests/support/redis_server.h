/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_server.h -- a throw-away redis-server on a free port of 127.0.0.1.
 *
 * It keeps nothing on disk, asks for the password REDIS_SERVER_PASSWORD and dies with the
 * test.  Failures abort the test.  One thread.
 */
#ifndef SOKOUL_TESTS_SUPPORT_REDIS_SERVER_H
#define SOKOUL_TESTS_SUPPORT_REDIS_SERVER_H

#define REDIS_SERVER_PASSWORD "p@ss:w/rd%"

struct redis_server;

struct redis_server *redis_server_new(void);          /* picks a port, starts nothing */
void redis_server_free(struct redis_server *server);  /* kills; NULL is fine */
void redis_server_start(struct redis_server *server); /* answers when it returns */
void redis_server_kill(struct redis_server *server);
void redis_server_freeze(struct redis_server *server);
void redis_server_thaw(struct redis_server *server);
const char *redis_server_url(const struct redis_server *server); /* with the password, database 3 */
int redis_server_port(const struct redis_server *server);

#endif
