/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ground.h -- checks that a program makes before it starts and that need no server: its libraries and the
 * clock. Settings are checked when they are read, folders by the code that uses them, servers and the schema
 * by health (probes.h).  `sokoulctl doctor` makes all these checks.
 *
 * The loader ends a program when a library is missing or cannot be loaded, with a line that names it; here it
 * is checked whether a library that was loaded will do.  Never blocks, any thread.
 */
#ifndef SOKOUL_COMMON_PROBE_GROUND_H
#define SOKOUL_COMMON_PROBE_GROUND_H

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/library.h"

/* Each step is a line of the log, event "check"; a failed one is a warning, since a program that runs all
 * the same is of more use than one that does not.  `http`: http_library in a program that is a client of
 * other HTTP servers, else NULL. */
void ground_check(const char *service, library_of *http);

/* Adds "libpq 15.3, nats.c 3.4.1, …" to `found`.  E_UNAVAILABLE: a library is older than the one that the
 * program was built with, or lacks something; the text says which. */
MUST_USE enum err_code ground_libraries(library_of *http, struct buf *found, struct err *err);
/* E_UNAVAILABLE: the clock shows a time before the first migration; certificates and tokens would be refused.
 */
MUST_USE enum err_code ground_clock(struct err *err);

#endif
