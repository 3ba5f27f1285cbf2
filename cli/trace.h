/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace.h -- the way of a request from two sources: the database, and the programs' logs.
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
 * the event is the step, the service the worker, the message the detail.  Text before the first brace
 * of a line, as docker compose writes it, is skipped, and so are lines that no program of Sokoul wrote.
 * E_UNAVAILABLE: the file cannot be read. */
MUST_USE enum err_code trace_log_read(struct session *session, const char *path, const char *request_id,
                                      struct trace_steps *lines, struct err *err);

#endif
