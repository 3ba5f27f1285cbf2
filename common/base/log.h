/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.h -- one JSON object per line on stderr.
 *
 *     log_info("job_claimed", "claimed %s, attempt %d", kind, attempt);
 *
 * Fields: timestamp, level, service, event, message, and request_id, user_id, job_id from
 * the calling thread's context.  The writer masks what looks like a secret in the message:
 * values after password=, token=, apikey= and the like, passwords in URLs, JWTs (first ten
 * characters stay), API keys (sk_...***), and every value given to log_mask().
 *
 * The log is one of the few things that exist once per process: log_open before the first
 * thread, log_close after the last.  A line goes to a bounded queue and a thread of its own
 * writes it, so a caller is never blocked by a full or slow disk; what does not fit is
 * dropped and counted (log_dropped).  Before log_open and after log_close lines are written
 * at once by the caller.  Any thread.
 */
#ifndef SOKOUL_COMMON_BASE_LOG_H
#define SOKOUL_COMMON_BASE_LOG_H

#include "common/base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum log_level
{
    LOG_TRACE,
    LOG_DEBUG,
    LOG_INFO,
    LOG_WARN,
    LOG_ERROR
};

/* What a thread works for at the moment; texts are borrowed, NULL or "" when unknown. */
struct log_context
{
    const char *request_id;
    const char *user_id;
    const char *job_id;
    uint64_t span; /* what is called meanwhile is done for this one (traceparent.h); 0: none */
};

void log_open(const char *service, enum log_level level);
void log_close(void); /* flushes within 1 s */
void log_set_level(enum log_level level);
bool log_level_parse(const char *text, enum log_level *level); /* "info", case ignored */
uint64_t log_dropped(void);

/* `secret` never appears in a line from now on (copied; of 8 or more bytes; mask.h says how many). */
void log_mask(const char *secret);

/* Sets the calling thread's context and returns the one before. */
struct log_context log_context_set(struct log_context context);
struct log_context log_context_get(void);

bool log_enabled(enum log_level level);
void log_event(enum log_level level, const char *event, const char *fmt, ...) PRINTF_LIKE(3, 4);

#define log_trace(event, ...) log_event(LOG_TRACE, (event), __VA_ARGS__)
#define log_debug(event, ...) log_event(LOG_DEBUG, (event), __VA_ARGS__)
#define log_info(event, ...) log_event(LOG_INFO, (event), __VA_ARGS__)
#define log_warn(event, ...) log_event(LOG_WARN, (event), __VA_ARGS__)
#define log_error(event, ...) log_event(LOG_ERROR, (event), __VA_ARGS__)

#endif
