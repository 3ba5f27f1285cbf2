/* SPDX-License-Identifier: Apache-2.0 */
/*
 * overrule.h -- what the HTTP library refuses by itself is refused in our words.
 *
 * The library answers heads and chunks that it cannot read with an HTML page of its own (which, up to
 * 0.9.75, it may send twice), and asks nobody.  It queues that page with MHD_queue_response, through the
 * table of the dynamic linker; overrule.c defines a function of that name, which is found first.  There
 * it is told whose page that is, the connection is given its one answer by `refuse`, and the library
 * hears that queueing failed: it then closes the connection and reads nothing more from it.
 *
 * Threads: the event thread.
 */
#ifndef SOKOUL_API_OVERRULE_H
#define SOKOUL_API_OVERRULE_H

#include "common/base/err.h"

#include <stdbool.h>

struct MHD_Connection;
struct MHD_Response;

/* Our own answers: the library's function itself.  False: it did not take the response. */
MUST_USE bool overrule_queue(struct MHD_Connection *connection, unsigned status,
                             struct MHD_Response *response);

/* server.c's: the library would answer this connection with this status, and must not. */
void server_refuse(struct MHD_Connection *connection, unsigned status);

#endif
