/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/show.h"

#include "common/base/id.h"
#include "common/json/json.h"

#include <string.h>

enum
{
    LIMIT_DEFAULT = 20,
    LIMIT_MAX = 1000000,
    PAGE_ITEMS = 1000
};

static const char *value_text(struct session *session, const struct json *value)
{
    if (json_is_null(value))
        return "-";
    const char *text = json_text(value, NULL);
    if (text == NULL)
        text = json_print(session->arena, value);
    return text != NULL ? text : "?";
}

void show_clean(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++)
        buf_add_char(out, (unsigned char)*text < 0x20 || *text == 0x7f ? ' ' : *text);
}

enum err_code show_object(struct session *session, const char *json, struct err *err)
{
    const struct json *object = NULL;
    struct buf out;
    enum err_code code = E_OK;
    buf_init(&out, SESSION_OUTPUT_BYTES);
    if (session_json(session))
        buf_add_text(&out, json);
    else
        code = json_parse(session->arena, json, strlen(json), &object, err);
    for (const struct json *m = json_first(object); m != NULL; m = json_next(m))
    {
        buf_addf(&out, "%-12s  ", json_name(m));
        show_clean(&out, value_text(session, m));
        buf_add_char(&out, '\n');
    }
    if (code == E_OK)
        code = session_print(&out, err);
    buf_fini(&out);
    return code;
}

static void add_cell(struct buf *out, const char *text, int width)
{
    size_t before = out->len;
    show_clean(out, text);
    while (out->len - before < (size_t)width)
        buf_add_char(out, ' ');
}

static void add_row(struct session *session, const struct json *item, const struct show_column *columns,
                    size_t count, struct buf *out)
{
    for (size_t i = 0; i < count; i++)
    {
        bool is_last = i + 1 == count;
        const char *text =
            item != NULL ? value_text(session, json_get(item, columns[i].name)) : columns[i].name;
        add_cell(out, text, is_last ? 0 : columns[i].width);
        buf_add_text(out, is_last ? "\n" : "  ");
    }
}

enum err_code show_table(struct session *session, const char *json, const struct show_column *columns,
                         size_t count, struct err *err)
{
    const struct json *items = NULL;
    struct buf out;
    enum err_code code = E_OK;
    buf_init(&out, SESSION_OUTPUT_BYTES);
    if (session_json(session))
        buf_add_text(&out, json);
    else
        code = json_parse(session->arena, json, strlen(json), &items, err);
    if (items != NULL)
        add_row(session, NULL, columns, count, &out);
    for (const struct json *item = json_first(items); item != NULL; item = json_next(item))
        add_row(session, item, columns, count, &out);
    if (code == E_OK)
        code = session_print(&out, err);
    buf_fini(&out);
    return code;
}

enum err_code read_id(struct session *session, const char *word, const char **id, struct err *err)
{
    struct id parsed;
    if (!id_parse(word, &parsed))
        return fail(err, E_USAGE, "%.60s is not an id", word);
    *id = arena_strdup(session->arena, parsed.text);
    return *id != NULL ? E_OK : fail(err, E_NO_MEMORY, "out of memory");
}

enum err_code read_ids(struct session *session, const char ***ids, struct err *err)
{
    enum err_code code = E_OK;
    *ids = arena_array(session->arena, session->arg_count + 1, sizeof **ids);
    if (*ids == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < session->arg_count && code == E_OK; i++)
        code = read_id(session, session->args[i], &(*ids)[i], err);
    return code;
}

/* Appends "[a,b]" without its brackets. */
static void add_items(struct buf *all, const char *items)
{
    const char *begin = strchr(items, '[');
    const char *end = strrchr(items, ']');
    if (begin == NULL || end == NULL)
        return;
    begin++;
    if (strspn(begin, " \n") == (size_t)(end - begin))
        return;
    if (all->len > 1)
        buf_add_char(all, ',');
    buf_add(all, begin, (size_t)(end - begin));
}

static enum err_code collect(struct session *session, show_more *more, int64_t limit, struct buf *all,
                             struct err *err)
{
    struct show_page page = {NULL, NULL};
    const char *before = NULL;
    enum err_code code = E_OK;
    if (option_given(&session->options, OPTION_BEFORE))
        code = read_id(session, option_text(&session->options, OPTION_BEFORE, ""), &before, err);
    buf_add_char(all, '[');
    while (code == E_OK && limit > 0)
    {
        int64_t now = limit < PAGE_ITEMS ? limit : PAGE_ITEMS;
        code = more(session, before, now, &page, err);
        if (code != E_OK)
            break;
        add_items(all, page.items);
        before = page.last_id;
        limit -= before != NULL ? now : limit;
    }
    buf_add_char(all, ']');
    return code;
}

enum err_code show_pages(struct session *session, show_more *more, const struct show_column *columns,
                         size_t count, struct err *err)
{
    struct buf all;
    int64_t limit = LIMIT_DEFAULT;
    enum err_code code = option_number(&session->options, OPTION_LIMIT, 1, LIMIT_MAX, &limit, err);
    if (code != E_OK)
        return code;
    buf_init(&all, SESSION_OUTPUT_BYTES);
    code = collect(session, more, limit, &all, err);
    if (code == E_OK && all.failed)
        code = fail(err, E_TOO_LARGE, "the list is too large; use --limit");
    if (code == E_OK)
        code = show_table(session, all.data, columns, count, err);
    buf_fini(&all);
    return code;
}
