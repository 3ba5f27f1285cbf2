/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parked.h -- requests that wait for their time, on no thread of a lane: one thread wakes them all.
 *
 * A request that is parked belongs to this until it is handed to `wake`, at its step.at_ms or when
 * parked_stop is called.
 *
 * Threads: any.  parked_add never blocks; parked_stop waits for the thread.
 */
#ifndef SOKOUL_API_PARKED_H
#define SOKOUL_API_PARKED_H

#include "api/request.h"

struct parked;

/* `wake` is called on the thread, may not block, and may park again. */
MUST_USE enum err_code parked_start(void (*wake)(void *of, struct request *req), void *of,
                                    struct parked **parked, struct err *err);
void parked_add(struct parked *parked, struct request *req);
void parked_stop(struct parked *parked); /* nobody adds any more; NULL is fine */

#endif
