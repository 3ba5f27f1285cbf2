/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http.h -- the door to libcurl: one bounded exchange with another server at a time.
 *
 *     struct http_client *client = http_client_new();      (one per thread, kept)
 *     struct http_request request = {.url = url, .cancel = &cancelled};
 *     enum err_code code = http_send(client, &request, arena, &response, err);
 *
 * http_send blocks the calling thread until the answer is complete or a limit cuts it: the
 * deadline covers name lookup, connecting, TLS and the whole body; a body that drips slower
 * than HTTP_SLOW_BYTES_PER_S for HTTP_SLOW_S is cut before; `max_body_bytes` counts the body
 * after decompression; headers are limited to HTTP_MAX_HEADER_BYTES.  Redirects are never
 * followed, environment proxies never used, only http and https spoken.  Setting *cancel from
 * another thread ends the exchange within HTTP_CANCEL_MS.
 *
 * Any HTTP status is an answer, hence E_OK: the caller decides what it means.
 * Errors: E_TIMEOUT; E_TOO_LARGE; E_CANCELLED; E_REFUSED (an URL or address that must not be asked);
 * E_PROVIDER (no connection, no such name, TLS, broken HTTP); E_NO_MEMORY.  Texts name the host,
 * never the path, the query or a header.
 *
 * Ownership: a response's texts live in the arena.  Everything in a request is borrowed for the call.
 * Threads: http_open before the first client and http_close after the last, both from main();
 * a client belongs to one thread at a time and keeps connections open between calls.
 */
#ifndef SOKOUL_COMMON_HTTP_HTTP_H
#define SOKOUL_COMMON_HTTP_HTTP_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/library.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct http_client;

struct library http_library(void); /* reports that TLS is missing where libcurl was built without */

enum
{
    HTTP_DEADLINE_MS = 30000,      /* used where a request says 0 */
    HTTP_CONNECT_MS = 5000,        /* the same */
    HTTP_MAX_BODY_BYTES = 8 << 20, /* the same */
    HTTP_MAX_HEADER_BYTES = 64 << 10,
    HTTP_MAX_HEADERS = 16,         /* of a request */
    HTTP_MAX_RETRY_AFTER_S = 3600, /* an hour is as long as anyone may make us wait */
    HTTP_SLOW_BYTES_PER_S = 64,
    HTTP_SLOW_S = 10,
    HTTP_CANCEL_MS = 500
};

enum http_method
{
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_DELETE
};

enum http_addresses
{
    HTTP_ANY_ADDRESS, /* for servers that the operator named in the settings */
    HTTP_PUBLIC_ONLY  /* for URLs that came from outside: no loopback, private, link-local, multicast… */
};

struct http_header
{
    const char *name;
    const char *value;
};

struct http_request
{
    enum http_method method;
    const char *url;
    const struct http_header *headers;
    size_t header_count;
    const void *body; /* with POST and PUT */
    size_t body_len;
    int deadline_ms;        /* of the whole exchange */
    int connect_timeout_ms; /* lookup, TCP and TLS; never past the deadline */
    size_t max_body_bytes;
    enum http_addresses addresses;
    const atomic_bool *cancel; /* NULL: cannot be cancelled */
};

struct http_response
{
    int status;
    const char *body; /* NUL-terminated, may contain others; "" when empty */
    size_t len;
    const char *content_type; /* "" when absent */
    const char *location;     /* "" when absent; as sent, not resolved */
    unsigned retry_after_s;   /* from seconds or a date; 0 when absent or odd */
};

MUST_USE enum err_code http_open(struct err *err);
void http_close(void);

struct http_client *http_client_new(void); /* NULL when out of memory */
void http_client_free(struct http_client *client);

MUST_USE enum err_code http_send(struct http_client *client, const struct http_request *request,
                                 struct arena *arena, struct http_response *response, struct err *err);

/* Percent-encodes everything but unreserved characters; NULL when the arena is full. */
char *http_escape(struct arena *arena, const char *text);

#endif
