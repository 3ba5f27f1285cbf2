/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listen.h -- the socket that clients knock at.
 */
#ifndef SOKOUL_API_LISTEN_H
#define SOKOUL_API_LISTEN_H

#include "common/base/err.h"
#include "common/conf/net.h"

/* Bound and listening, not blocking, closed on exec.  E_UNAVAILABLE: the address is taken or not ours. */
MUST_USE enum err_code listen_open(const struct conf_listen *at, int *fd, int *port, struct err *err);
size_t listen_waiting(int fd); /* how many stand in the queue */
/* Answers 503 to who still stands in the queue, so that they get an answer and no reset; closes.  Blocks for
 * a third of a second at most. */
void listen_close(int fd);

#endif
