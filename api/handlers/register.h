/* SPDX-License-Identifier: Apache-2.0 */
/* register.h -- making an account, for whom REGISTRATION lets: /auth/register. */
#ifndef SOKOUL_API_HANDLERS_REGISTER_H
#define SOKOUL_API_HANDLERS_REGISTER_H

#include "api/request.h"

enum err_code register_post(struct request *req, struct err *err); /* LANE_PASSWORDS */

#endif
