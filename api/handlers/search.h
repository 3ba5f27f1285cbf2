/* SPDX-License-Identifier: Apache-2.0 */
/* search.h -- looking for titles: GET and POST /search. */
#ifndef SOKOUL_API_HANDLERS_SEARCH_H
#define SOKOUL_API_HANDLERS_SEARCH_H

#include "api/request.h"

/* From the cache while it is fresh; what is stale is answered at once and refreshed by a job.  What is not in
 * the cache is asked for on LANE_PROVIDER, so that nobody's hit waits behind a miss. */
enum err_code search_get(struct request *req, struct err *err);
/* By a job of scout's; waits for its result for at most wait_ms, with no thread and no connection held
 * between looks. */
enum err_code search_post(struct request *req, struct err *err);

#endif
