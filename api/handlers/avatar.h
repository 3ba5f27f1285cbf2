/* SPDX-License-Identifier: Apache-2.0 */
/*
 * avatar.h -- one's picture: /user/avatar.
 *
 * What it is, is told by its content alone.  It lies in AVATAR_DIR under a random name, and nowhere below
 * anything that is served.  One has one: a new one takes the place of the old.
 */
#ifndef SOKOUL_API_HANDLERS_AVATAR_H
#define SOKOUL_API_HANDLERS_AVATAR_H

#include "api/request.h"

enum
{
    AVATAR_MAX_BYTES = 10 << 20
};

enum err_code avatar_put(struct request *req, struct err *err);
enum err_code avatar_get(struct request *req, struct err *err);

/* Deletes the file of a picture that is nobody's any more, after the commit that made it so; NULL is fine. */
void avatar_forget(struct request *req, const char *file);

#endif
