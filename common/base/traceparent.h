/* SPDX-License-Identifier: Apache-2.0 */
/*
 * traceparent.h -- W3C trace context: which trace a request belongs to.
 *
 * There is one id that goes everywhere, the request's; its trace is derived from it, and so every program,
 * every attempt and every follow-up knows the trace without being told.  A caller's trace becomes the
 * request's id where the caller names none (api/screen.h).  Pure, any thread.
 */
#ifndef SOKOUL_COMMON_BASE_TRACEPARENT_H
#define SOKOUL_COMMON_BASE_TRACEPARENT_H

#include <stdbool.h>
#include <stdint.h>

enum
{
    TRACE_ID_SIZE = 33,    /* 32 lower-case hex digits */
    TRACEPARENT_SIZE = 56, /* "00-<trace>-<span, 16 digits>-01" */
    TRACE_SPAN_SIZE = 17
};

/* False: it is none that may be gone on with (https://www.w3.org/TR/trace-context/, section 3.2.2). `trace`
 * and `span`, which may be NULL, are then unchanged. */
bool traceparent_read(const char *header, char trace[TRACE_ID_SIZE], char span[TRACE_SPAN_SIZE]);

/* A request id that is a trace id, or a UUID, is its own trace; of any other it is a digest. */
void trace_of_request(const char *request_id, char trace[TRACE_ID_SIZE]);

/* A span's id that others can work out: of a thing and of its n-th turn. Never 0. */
uint64_t span_of(const char *id, uint64_t n);
/* That of the request itself; 0: its id is not one of ours, so it may be many requests'. */
uint64_t span_of_request(const char *request_id);

/* What is sent on; span 0 is no span and becomes 1. */
void traceparent_write(const char *request_id, uint64_t span, char header[TRACEPARENT_SIZE]);

#endif
