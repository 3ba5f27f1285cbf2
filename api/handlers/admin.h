/* SPDX-License-Identifier: Apache-2.0 */
/* admin.h -- what operators look at: /admin/logs, /admin/stats. */
#ifndef SOKOUL_API_HANDLERS_ADMIN_H
#define SOKOUL_API_HANDLERS_ADMIN_H

#include "api/request.h"

enum err_code admin_list_logs(struct request *req, struct err *err);
enum err_code admin_get_stats(struct request *req, struct err *err);

#endif
