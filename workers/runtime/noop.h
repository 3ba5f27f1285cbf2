/* SPDX-License-Identifier: Apache-2.0 */
/*
 * noop.h -- the job that does nothing, so that operators can test a path end to end.
 *
 * Payload {"sleep_ms"?: 0 to 3,600,000, "fail"?: true | n | "permanent", "echo"?: anything, "clock"?: true}:
 * sleeps, then fails always, or its first n attempts, or for good. The result is {"slept_ms", "attempt",
 * "echo"}, and, with clock, "began_us": when the handler began, in microseconds since 1970.
 */
#ifndef SOKOUL_WORKERS_RUNTIME_NOOP_H
#define SOKOUL_WORKERS_RUNTIME_NOOP_H

#include "workers/runtime/runtime.h"

enum err_code noop_run(struct job *job, struct err *err);

#endif
