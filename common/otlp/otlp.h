/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otlp.h -- sends spans (common/obs/spans.h) to a collector: OTLP over HTTP, in JSON, POST
 * ENDPOINT/v1/traces.
 *
 * One thread of its own takes what has gathered every OTLP_PAUSE_MS, or OTLP_BATCH spans at once, and gives a
 * call OTLP_CALL_MS. What a collector does not take is lost and counted; nothing is sent twice, and nobody
 * waits for it. A failing collector is logged once, and once more when it works again.
 *
 * otlp_start and otlp_stop: from main().  Stopping sends what is left, for at most OTLP_LAST_MS.
 */
#ifndef SOKOUL_COMMON_OTLP_OTLP_H
#define SOKOUL_COMMON_OTLP_OTLP_H

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/obs/spans.h"

enum
{
    OTLP_PAUSE_MS = 2000,
    OTLP_BATCH = 512,
    OTLP_CALL_MS = 5000,
    OTLP_LAST_MS = 500
};

struct otlp;

/* `endpoint` "": nothing is noted and nothing sent, and *otlp is NULL.  The service's name is static. */
MUST_USE enum err_code otlp_start(const char *endpoint, const char *service, struct otlp **otlp,
                                  struct err *err);
void otlp_stop(struct otlp *otlp); /* NULL is fine */

/* An ExportTraceServiceRequest. */
void otlp_write(const struct span *spans, size_t count, const char *service, struct buf *out);

#endif
