/* SPDX-License-Identifier: Apache-2.0 */
/*
 * avatars.h -- which file is whose picture (table avatars).
 * Texts live in the arena.  Errors: db.h's.  Threads: the connection's owner.  Blocks.
 */
#ifndef SOKOUL_COMMON_STORE_AVATARS_H
#define SOKOUL_COMMON_STORE_AVATARS_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/db/db.h"

struct avatar
{
    const char *file; /* 32 hexadecimal digits */
    const char *type; /* image/png or image/jpeg */
    const char *sha256;
};

/* In a transaction, which holds the user's row from then on.  *old: the file that is nobody's after the
 * commit, or NULL.  E_NOT_FOUND: the user is gone. */
MUST_USE enum err_code avatar_store_put(struct db *db, struct arena *arena, const char *user_id,
                                        const struct avatar *avatar, const char **old, struct err *err);
/* E_NOT_FOUND: there is none. */
MUST_USE enum err_code avatar_store_get(struct db *db, struct arena *arena, const char *user_id,
                                        struct avatar *avatar, struct err *err);
/* The picture is nobody's from the commit on.  In a transaction, as avatar_store_put; *file as its *old. */
MUST_USE enum err_code avatar_store_remove(struct db *db, struct arena *arena, const char *user_id,
                                           const char **file, struct err *err);

#endif
