/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer_work.h -- what a job does when our system runs beside others (HANDLER of the environment):
 *
 *   noop      nothing
 *   pg        one INSERT into `results`, a transaction of its own
 *   pgbatch   the same rows; whoever is there goes together into one INSERT
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
struct peer_work *peer_work_open(const char *database_url);
void peer_work_ready(struct peer_work *work); /* prints READY and starts the clock */
int peer_work_concurrency(const struct peer_work *work);
int peer_work_connections(const struct peer_work *work);
/* The kind's handler; the work is the runtime's context. */
enum err_code peer_work_run(struct job *job, struct err *err);

#endif
