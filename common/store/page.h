/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page.h -- how every list of the stores is read: a page by number, or on from a cursor.
 *
 * A list has a total order by (key, id), both falling.  Its statement answers rows of
 * (item as JSON, key as bigint, id) and takes, after the list's own filters, four parameters:
 * limit, offset, key and id of the row before (NULL: from the start).  The count statement takes
 * the filters alone and counts at most STORE_MAX_TOTAL + 1.  Both travel in one round trip.
 *
 * A cursor is text for clients, "<key>.<id>": rows that are inserted or deleted meanwhile do not shift the
 * pages. Threads: the connection's owner.  Blocks.  Errors: db.h's, and E_INVALID: not a cursor.
 */
#ifndef SOKOUL_COMMON_STORE_PAGE_H
#define SOKOUL_COMMON_STORE_PAGE_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/db/db.h"

enum
{
    STORE_MAX_TOTAL = 10000,
    STORE_TOTAL_UNKNOWN = -1,
    STORE_MAX_FILTERS = 8
};

struct store_ask
{
    int64_t limit;
    int64_t offset;
    const char *cursor; /* NULL: by offset */
};

struct store_page
{
    const char *items; /* JSON array text, in the arena */
    int64_t total;     /* STORE_TOTAL_UNKNOWN with a cursor, and past STORE_MAX_TOTAL */
    const char *next;  /* cursor, NULL at the end */
};

struct store_list
{
    struct db_stmt items;
    struct db_stmt count;
};

/* `filters` holds list->count.params texts. */
MUST_USE enum err_code store_list_read(struct db *db, struct arena *arena, const struct store_list *list,
                                       const char *const *filters, const struct store_ask *ask,
                                       struct store_page *page, struct err *err);

/* The first column of the first row as text in the arena; E_NOT_FOUND with `missing` when there is no row.
 * For stores whose statement answers one JSON value. */
MUST_USE enum err_code store_read_one(struct db *db, struct arena *arena, const struct db_call *call,
                                      const char *missing, const char **text, struct err *err);

#endif
