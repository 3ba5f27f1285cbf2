/* SPDX-License-Identifier: Apache-2.0 */
/*
 * screen.h -- looks at a request's head before anything else does.
 *
 * The HTTP library is lenient: it accepts what lets two programs in a row disagree about where a
 * request ends.  Refused here with 400 and a closed connection: Content-Length together with
 * Transfer-Encoding, either of them (or Host) twice, a Transfer-Encoding other than chunked, folded
 * lines, blanks in header names, odd lengths.  More head than the limits below allow is 431.
 *
 * It also drops what it does not understand and says nothing: what stands behind a zero byte, lines that
 * begin with one or with a colon (they end the head!), more than one space.  So the bytes that are shown
 * here are summed up, and a head that took more or fewer on the wire is refused, whatever the reason.
 *
 * Event thread; borrowed texts must live as long as the request.
 */
#ifndef SOKOUL_API_SCREEN_H
#define SOKOUL_API_SCREEN_H

#include "api/request.h"

enum
{
    SCREEN_MAX_HEAD_BYTES = 8192,
    SCREEN_MAX_LINE_BYTES = 4096, /* of it for the request line */
    SCREEN_MAX_HEADERS = 64       /* lines */
};

/* The request line as the library has split it. */
struct screen_line
{
    const char *method;
    const char *target;
    const char *version; /* "HTTP/1.1" or "HTTP/1.0" */
};

struct screen
{
    struct request *req;
    size_t bytes; /* of the header lines seen */
    size_t lines;
    enum err_code code; /* the first complaint */
    struct err err;
};

/* One header line; sets req->header[] when it is one of ours. */
void screen_header(struct screen *screen, const char *name, size_t name_len, const char *value,
                   size_t value_len);
/* After the last one; `head_bytes` is what the head took on the wire, from the method to the empty line.
 * E_INVALID, E_HEADERS, E_VERSION. */
MUST_USE enum err_code screen_end(struct screen *screen, const struct screen_line *line, size_t head_bytes,
                                  struct err *err);
/* Splits what stood in the request line: req->target, `query` ("" without one).  E_INVALID. */
MUST_USE enum err_code screen_target(struct request *req, const char *uri, const char **query,
                                     struct err *err);
/* The client's X-Request-ID if it is fit, else the trace of its traceparent if that is, else a new one. */
void screen_request_id(struct request *req);

#endif
