/* SPDX-License-Identifier: Apache-2.0 */
/* profile.h -- one's own account: /user/profile. */
#ifndef SOKOUL_API_HANDLERS_PROFILE_H
#define SOKOUL_API_HANDLERS_PROFILE_H

#include "api/request.h"

enum err_code profile_get(struct request *req, struct err *err);
enum err_code profile_patch(struct request *req, struct err *err); /* LANE_PASSWORDS */
enum err_code profile_delete(struct request *req, struct err *err);

#endif
