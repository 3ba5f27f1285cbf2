/* SPDX-License-Identifier: Apache-2.0 */
/* THE TABLE: every path that the API knows.  A route is one row here and one handler. */
#include "api/route.h"

#include "api/handlers/health.h"

static const struct route rows[] = {
    /* health and metrics: answered on the event thread, also with everything down */
    {METHOD_GET, "/health", WHO_ALL, LANE_EVENT, ROUTE_FREE, .handle = health_get},
    {METHOD_GET, "/healthz", WHO_ALL, LANE_EVENT, ROUTE_FREE, .handle = health_get_brief},
    {METHOD_GET, "/livez", WHO_ALL, LANE_EVENT, ROUTE_FREE, .handle = health_get_live},
    {METHOD_GET, "/health/deep", WHO_ALL, LANE_EVENT, ROUTE_FREE | ROUTE_INTERNAL, .handle = health_get_deep},
    {METHOD_GET, "/ready", WHO_ALL, LANE_EVENT, ROUTE_FREE, .handle = health_get_ready},
    {METHOD_GET, "/readyz", WHO_ALL, LANE_EVENT, ROUTE_FREE, .handle = health_get_ready},
    {METHOD_GET, "/metrics", WHO_ALL, LANE_EVENT, ROUTE_FREE | ROUTE_INTERNAL, .handle = health_get_metrics},
};

const struct route_table routes = {rows, sizeof rows / sizeof rows[0]};
