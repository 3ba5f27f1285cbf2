/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace.h -- the way of a request out of two sources: what the database keeps, and what programs have logged.
 *
 * One thread.
 */
#ifndef SOKOUL_CLI_TRACE_H
#define SOKOUL_CLI_TRACE_H

#include "cli/session.h"
#include "common/store/trace.h"

enum
{
    TRACE_LOG_MAX = 20000 /* lines that are kept */
};

/* Lines of `path` ("-": standard input) that carry the request's id, in the order in which they stand there:
 * the event is the step, the service the worker, the message the detail.  What stands before the first brace
 * of a line, as docker compose writes it, is left out, and so are lines that are none of ours. E_UNAVAILABLE:
 * it cannot be read. */
MUST_USE enum err_code trace_log_read(struct session *session, const char *path, const char *request_id,
                                      struct trace_steps *lines, struct err *err);

#endif
