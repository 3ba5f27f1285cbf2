/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scripted_server.h -- an HTTP server inside a test, as rude as the test wants.
 *
 * It listens on a free port of 127.0.0.1.  Each connection has a thread that reads requests
 * and calls `serve`, which answers with the functions below: properly, byte by byte, with
 * garbage, or never.  Stopping wakes whatever waits, and joins all threads.
 */
#ifndef SOKOUL_TESTS_SUPPORT_SCRIPTED_SERVER_H
#define SOKOUL_TESTS_SUPPORT_SCRIPTED_SERVER_H

#include <stdbool.h>
#include <stddef.h>

struct scripted_server;

/* A request and the way back; valid during `serve`. */
struct scripted_call
{
    char method[16];
    char target[8192]; /* path and query */
    char headers[16384];
    char *body;
    size_t body_len;
    int number; /* of this request at this server, from 1 */
    /* the server's own */
    struct scripted_server *server;
    int fd;
    bool over; /* the connection is closed after `serve` */
};

struct scripted_server *scripted_server_start(void (*serve)(struct scripted_call *call, void *context),
                                              void *context);
void scripted_server_stop(struct scripted_server *server);
const char *scripted_server_url(const struct scripted_server *server); /* "http://127.0.0.1:40001" */
int scripted_server_requests(const struct scripted_server *server);    /* so far */
int scripted_server_connections(const struct scripted_server *server); /* so far */

/* A whole answer with Content-Length; `headers` is NULL or lines that end in \r\n. */
void scripted_reply(struct scripted_call *call, int status, const char *headers, const char *body);
void scripted_reply_bytes(struct scripted_call *call, int status, const char *headers, const void *body,
                          size_t len);
/* Raw bytes.  False: the other side is gone or the server stops. */
bool scripted_send(struct scripted_call *call, const void *bytes, size_t len);
bool scripted_send_text(struct scripted_call *call, const char *text);
/* Lets time pass.  False: the other side is gone or the server stops. */
bool scripted_wait(struct scripted_call *call, int wait_ms);
/* The connection is closed when `serve` returns: properly, or by a reset. */
void scripted_hang_up(struct scripted_call *call);
void scripted_reset(struct scripted_call *call);
/* The value of a request header into `value`; false if absent. */
bool scripted_header(const struct scripted_call *call, const char *name, char *value, size_t size);

#endif
