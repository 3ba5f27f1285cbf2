/* SPDX-License-Identifier: Apache-2.0 */
#include "common/store/page.h"

#include "common/base/buf.h"
#include "common/base/id.h"
#include "common/base/parse.h"

#include <string.h>

enum
{
    ITEMS_MAX_BYTES = 12 << 20,
    PAGE_PARAMS = 4,
    CURSOR_KEY_LEN = 20
};

struct cursor
{
    const char *key;
    const char *id;
};

/* "<key>.<id>" */
static bool cursor_parse(struct arena *arena, const char *text, struct cursor *cursor)
{
    const char *dot = strchr(text, '.');
    if (dot == NULL || dot - text > CURSOR_KEY_LEN)
        return false;
    struct id id;
    int64_t key;
    char *key_text = arena_strndup(arena, text, (size_t)(dot - text));
    if (key_text == NULL || !parse_i64(key_text, &key) || !id_parse(dot + 1, &id))
        return false;
    cursor->key = key_text;
    cursor->id = arena_strdup(arena, id.text);
    return cursor->id != NULL;
}

/* The first `limit` rows as a JSON array; the row behind them only says that there is more. */
static enum err_code rows_join(struct arena *arena, const struct db_rows *rows, int64_t limit,
                               struct store_page *page, struct err *err)
{
    int shown = db_rows(rows) > limit ? (int)limit : db_rows(rows);
    struct buf items;
    buf_init(&items, ITEMS_MAX_BYTES);
    buf_add_char(&items, '[');
    for (int i = 0; i < shown; i++)
    {
        if (i > 0)
            buf_add_char(&items, ',');
        buf_add_text(&items, db_text(rows, i, 0));
    }
    buf_add_char(&items, ']');
    page->items = buf_keep(&items, arena);
    page->next = NULL;
    if (shown > 0 && db_rows(rows) > limit)
        page->next = arena_printf(arena, "%s.%s", db_text(rows, shown - 1, 1), db_text(rows, shown - 1, 2));
    if (page->items == NULL || arena_failed(arena))
        return fail(err, E_NO_MEMORY, "the list is too large for one answer");
    return E_OK;
}

enum err_code store_list_read(struct db *db, struct arena *arena, const struct store_list *list,
                              const char *const *filters, const struct store_ask *ask,
                              struct store_page *page, struct err *err)
{
    struct cursor cursor = {0};
    if (ask->cursor != NULL && !cursor_parse(arena, ask->cursor, &cursor))
        return fail(err, E_INVALID, "cursor is not one that a list has given");
    int n = list->count.params;
    const char *params[STORE_MAX_FILTERS + PAGE_PARAMS] = {0};
    for (int i = 0; i < n; i++)
        params[i] = filters[i];
    params[n] = db_param_int(arena, ask->limit + 1);
    params[n + 1] = db_param_int(arena, ask->cursor == NULL ? ask->offset : 0);
    params[n + 2] = cursor.key;
    params[n + 3] = cursor.id;

    const struct db_call calls[] = {{&list->items, params}, {&list->count, filters}};
    struct db_rows *rows[2] = {NULL, NULL};
    size_t count = ask->cursor == NULL ? 2 : 1;
    if (db_run_all(db, calls, count, rows, err) != E_OK)
        return err->code;
    int64_t total = count == 2 ? db_int(rows[1], 0, 0, STORE_TOTAL_UNKNOWN) : STORE_TOTAL_UNKNOWN;
    page->total = total > STORE_MAX_TOTAL ? STORE_TOTAL_UNKNOWN : total;
    enum err_code code = rows_join(arena, rows[0], ask->limit, page, err);
    db_rows_free(rows[0]);
    db_rows_free(rows[1]);
    return code;
}

enum err_code store_read_one(struct db *db, struct arena *arena, const struct db_call *call,
                             const char *missing, const char **text, struct err *err)
{
    struct db_rows *rows = NULL;
    if (db_run(db, call->stmt, call->params, &rows, err) != E_OK)
        return err->code;
    bool found = db_rows(rows) > 0;
    const char *copy = found ? arena_strdup(arena, db_text(rows, 0, 0)) : NULL;
    db_rows_free(rows);
    if (!found)
        return fail(err, E_NOT_FOUND, "%s", missing);
    if (copy == NULL)
        return fail(err, E_NO_MEMORY, "no memory for an answer");
    *text = copy;
    return E_OK;
}
