/* SPDX-License-Identifier: Apache-2.0 */
/* users.h -- accounts and invitations, for administrators: /admin/users and /admin/invitations. */
#ifndef SOKOUL_API_HANDLERS_USERS_H
#define SOKOUL_API_HANDLERS_USERS_H

#include "api/request.h"

enum err_code users_list(struct request *req, struct err *err);
enum err_code users_change(struct request *req, struct err *err);
enum err_code invitations_create(struct request *req, struct err *err);
enum err_code invitations_list(struct request *req, struct err *err);
enum err_code invitations_delete(struct request *req, struct err *err);

#endif
