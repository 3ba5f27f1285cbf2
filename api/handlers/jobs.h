/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobs.h -- /jobs: create, list, look, cancel.
 *
 * Creating and looking are hot: their batch handlers serve up to ROUTE_BATCH requests by one INSERT
 * and one round trip.
 */
#ifndef SOKOUL_API_HANDLERS_JOBS_H
#define SOKOUL_API_HANDLERS_JOBS_H

#include "api/request.h"

enum err_code jobs_create(struct request *req, struct err *err);
enum err_code jobs_create_batch(struct request **reqs, size_t count, struct err *err);
enum err_code jobs_list(struct request *req, struct err *err);
enum err_code jobs_get(struct request *req, struct err *err);
enum err_code jobs_get_batch(struct request **reqs, size_t count, struct err *err);
enum err_code jobs_cancel(struct request *req, struct err *err);

#endif
