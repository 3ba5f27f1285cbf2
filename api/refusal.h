/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refusal.h -- an answer that ends its connection, sent past the HTTP library, which would send none or its
 * own.  The caller tells the library that its application has failed, so that it closes.
 *
 * Threads: the event thread.
 */
#ifndef SOKOUL_API_REFUSAL_H
#define SOKOUL_API_REFUSAL_H

#include "api/request.h"

/* Our failure for the status by which the library refuses a request that it cannot read. */
void refusal_judge(unsigned status, struct err *err);
/* Sends problem+json on the request's connection, as far as the socket takes it at once. */
void refusal_send(struct request *req, const struct err *err);

#endif
