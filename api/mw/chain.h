/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain.h -- what happens to every request before its handler, in an order that one can see.
 *
 * Arrays in chain.c: `chain_event` runs on the event thread when the headers are there, never blocks and
 * touches no server; `chain_executor` runs on the thread that runs the handler, and again on that of a later
 * step (request_go_on); `chain_admitted` there once the limits have let the request through. `chain_answered`
 * is for those that were refused on the event thread and only count: their failure changes nothing.  The
 * first link that fails ends it; the caller answers with the failure.
 */
#ifndef SOKOUL_API_MW_CHAIN_H
#define SOKOUL_API_MW_CHAIN_H

#include "api/request.h"

struct link
{
    const char *name;
    enum err_code (*run)(struct request *req, struct err *err);
};

extern const struct link chain_event[];    /* ends with a NULL name */
extern const struct link chain_executor[]; /* the same */
extern const struct link chain_admitted[];
extern const struct link chain_answered[];

MUST_USE enum err_code chain_run(const struct link *chain, struct request *req, struct err *err);
/* Once the reply stands: CORS headers, metrics, the access log. */
void chain_finish(struct request *req);

#endif
