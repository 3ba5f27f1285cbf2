/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health.h -- /health, /ready, /livez, /metrics and their kin: from cached probes, on the event
 * thread; they never block and need no server.
 */
#ifndef SOKOUL_API_HANDLERS_HEALTH_H
#define SOKOUL_API_HANDLERS_HEALTH_H

#include "api/request.h"

enum err_code health_get(struct request *req, struct err *err);       /* /health */
enum err_code health_get_brief(struct request *req, struct err *err); /* /healthz */
enum err_code health_get_live(struct request *req, struct err *err);  /* /livez */
enum err_code health_get_deep(struct request *req, struct err *err);  /* /health/deep */
enum err_code health_get_ready(struct request *req, struct err *err); /* /ready, /readyz */
enum err_code health_get_metrics(struct request *req, struct err *err);

#endif
