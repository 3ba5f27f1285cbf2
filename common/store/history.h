/* SPDX-License-Identifier: Apache-2.0 */
/*
 * history.h -- what a user watched, and how far (table watch_history).
 *
 * An entry leaves as JSON text {id,media_id,position_s,duration_s,watched_at,media:{…}} (media.h).
 * Texts live in the arena.  Errors: db.h's.  Threads: the connection's owner.  Blocks.
 */
#ifndef SOKOUL_COMMON_STORE_HISTORY_H
#define SOKOUL_COMMON_STORE_HISTORY_H

#include "common/store/page.h"

struct history_new
{
    const char *user_id;
    const char *media_id;
    int64_t position_s;
    int64_t duration_s; /* below 0: unknown */
};
/* E_NOT_FOUND: no such title. */
MUST_USE enum err_code history_store_add(struct db *db, struct arena *arena, const struct history_new *entry,
                                         const char **json, struct err *err);
/* Newest first. */
MUST_USE enum err_code history_store_list(struct db *db, struct arena *arena, const char *user_id,
                                          const struct store_ask *ask, struct store_page *page,
                                          struct err *err);

#endif
