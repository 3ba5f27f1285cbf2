/* SPDX-License-Identifier: Apache-2.0 */
/*
 * favorites.h -- the titles that a user has marked (table favorites).
 *
 * A favorite leaves as the title's JSON (media.h) with media_id and favorited_at added.
 * Texts live in the arena.  Errors: db.h's.  Threads: the connection's owner.  Blocks.
 */
#ifndef SOKOUL_COMMON_STORE_FAVORITES_H
#define SOKOUL_COMMON_STORE_FAVORITES_H

#include "common/store/page.h"

#include <stdbool.h>

/* Which title: by media_id, or (media_id NULL) by tmdb_id and media_type. */
struct favorite_new
{
    const char *user_id;
    const char *media_id;
    int64_t tmdb_id;
    const char *media_type;
};
/* *added false: it was there already.  E_NOT_FOUND: no such title. */
MUST_USE enum err_code favorite_store_add(struct db *db, struct arena *arena,
                                          const struct favorite_new *favorite, bool *added, const char **json,
                                          struct err *err);
/* Latest first. */
MUST_USE enum err_code favorite_store_list(struct db *db, struct arena *arena, const char *user_id,
                                           const struct store_ask *ask, struct store_page *page,
                                           struct err *err);
/* E_NOT_FOUND: the title was no favorite. */
MUST_USE enum err_code favorite_store_remove(struct db *db, const char *user_id, const char *media_id,
                                             struct err *err);

#endif
