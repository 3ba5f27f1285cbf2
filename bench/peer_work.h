/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer_work.h -- what a job does when our system runs beside others (HANDLER of the environment):
 *
 *   noop      nothing
 *   pg        one INSERT into `results`, a transaction of its own
 *   pgbatch   the same rows, those of a batch in one INSERT
 *   log       appends "S <id>", waits HANDLER_MS, appends "D <id>" to HANDLER_LOG
 *   lat       appends how many ns after the body's `t` it started
 *
 * After STOP_AFTER jobs it prints DONE once and goes on.  One per process; handlers run on many threads.
 */
#ifndef SOKOUL_BENCH_PEER_WORK_H
#define SOKOUL_BENCH_PEER_WORK_H

#include "workers/runtime/runtime.h"

struct peer_work;

/* Ends the program when the environment makes no sense. */
struct peer_work *peer_work_open(void);
void peer_work_ready(struct peer_work *work); /* prints READY and starts the clock */
int peer_work_concurrency(const struct peer_work *work);
int peer_work_connections(const struct peer_work *work);
/* The row of the kind; the work is the runtime's context. */
struct job_kind_row peer_work_kind(const struct peer_work *work);

#endif
