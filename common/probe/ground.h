/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ground.h -- what a program looks at before it starts, where no server is needed: its libraries and the
 * clock. Settings were read before, and folders are for who works in them; servers and the schema are
 * health's (probes.h).  `sokoulctl doctor` looks at all of it.
 *
 * That each library is there and can be loaded is seen to by the kernel's loader, which ends the program with
 * a line that names it; here is looked at what it does not see.  Never blocks, any thread.
 */
#ifndef SOKOUL_COMMON_PROBE_GROUND_H
#define SOKOUL_COMMON_PROBE_GROUND_H

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/library.h"

/* Each step is a line of the log, event "check"; what is wrong is a warning, since a program that runs all
 * the same is of more use than one that does not.  `http`: http_library of a program that asks others over
 * HTTP, else NULL. */
void ground_check(const char *service, library_of *http);

/* Adds "libpq 15.3, nats.c 3.4.1, …" to `found`.  E_UNAVAILABLE: one is older than what it was built with, or
 * lacks something; the text says which. */
MUST_USE enum err_code ground_libraries(library_of *http, struct buf *found, struct err *err);
/* E_UNAVAILABLE: a clock that says it is before there was a Sokoul; certificates and tokens are of no use
 * then. */
MUST_USE enum err_code ground_clock(struct err *err);

#endif
