/* SPDX-License-Identifier: Apache-2.0 */
/*
 * show.h -- JSON made readable: an object as lines, an array of objects as a table.
 *
 * Blocks never, one thread.
 */
#ifndef SOKOUL_CLI_SHOW_H
#define SOKOUL_CLI_SHOW_H

#include "cli/session.h"

struct show_column
{
    const char *name; /* member, and heading */
    int width;        /* characters at least; longer values push */
};

/* Prints `json` as it is with --json, else line by line. */
MUST_USE enum err_code show_object(struct session *session, const char *json, struct err *err);
/* An array of objects; the last column may be of any length. */
MUST_USE enum err_code show_table(struct session *session, const char *json,
                                  const struct show_column *columns, size_t count, struct err *err);

/* Text from outside must not move the cursor of a terminal: control characters become spaces. */
void show_clean(struct buf *out, const char *text);

/* A word that must be an id, lower-cased into the arena. E_USAGE. */
MUST_USE enum err_code read_id(struct session *session, const char *word, const char **id, struct err *err);
/* All words of the verb as ids. */
MUST_USE enum err_code read_ids(struct session *session, const char ***ids, struct err *err);

/* Writes a whole list, page after page, up to --limit.  `page` answers items, an array as JSON text, and
 * the cursor (NULL at the end). */
struct show_page
{
    const char *items;
    const char *last_id;
};
typedef enum err_code show_more(struct session *session, const char *before, int64_t limit,
                                struct show_page *page, struct err *err);
MUST_USE enum err_code show_pages(struct session *session, show_more *more, const struct show_column *columns,
                                  size_t count, struct err *err);

#endif
