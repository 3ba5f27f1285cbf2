/* SPDX-License-Identifier: Apache-2.0 */
/* Reading rows, and writing parameters. */
#include "common/db/internal.h"

#include "common/base/clock.h"
#include "common/base/parse.h"

#include <stdlib.h>
#include <string.h>

/* A db_rows is a PGresult and nothing else. */
static PGresult *result_of(const struct db_rows *rows)
{
    return (PGresult *)(uintptr_t)rows;
}

struct db_rows *rows_of(PGresult *take)
{
    return (struct db_rows *)take;
}

int db_rows(const struct db_rows *rows)
{
    return rows == NULL ? 0 : PQntuples(result_of(rows));
}

int db_affected(const struct db_rows *rows)
{
    uint32_t count = 0;
    return rows != NULL && parse_u32(PQcmdTuples(result_of(rows)), &count) ? (int)count : 0;
}

const char *db_text(const struct db_rows *rows, int row, int column)
{
    PGresult *result = result_of(rows);
    return PQgetisnull(result, row, column) ? NULL : PQgetvalue(result, row, column);
}

int64_t db_int(const struct db_rows *rows, int row, int column, int64_t otherwise)
{
    const char *text = db_text(rows, row, column);
    int64_t value = otherwise;
    if (text != NULL && !parse_i64(text, &value))
        return otherwise;
    return value;
}

double db_number(const struct db_rows *rows, int row, int column, double otherwise)
{
    const char *text = db_text(rows, row, column);
    char *end = NULL;
    double value = text != NULL ? strtod(text, &end) : otherwise;
    return text == NULL || end == text ? otherwise : value;
}

bool db_bool(const struct db_rows *rows, int row, int column)
{
    const char *text = db_text(rows, row, column);
    return text != NULL && text[0] == 't';
}

/* Postgres writes "2026-02-15 15:28:37.123+00"; RFC 3339 wants a T and whole offsets. */
int64_t db_time(const struct db_rows *rows, int row, int column, int64_t otherwise)
{
    const char *text = db_text(rows, row, column);
    char copy[64];
    size_t len = text != NULL ? strlen(text) : 0;
    if (len < 22 || len + 4 > sizeof copy || strcmp(text + len - 3, "+00") != 0)
        return otherwise;
    memcpy(copy, text, len - 3);
    memcpy(copy + len - 3, "Z", 2);
    copy[10] = 'T';
    int64_t ms = 0;
    return clock_parse(copy, &ms) ? ms : otherwise;
}

void db_rows_free(struct db_rows *rows)
{
    PQclear(result_of(rows));
}

static void free_rows(void *rows)
{
    db_rows_free(rows);
}

struct db_rows *db_rows_keep(struct db_rows *take, struct arena *arena)
{
    return arena_defer(arena, free_rows, take) ? take : NULL;
}

const char *db_param_int(struct arena *arena, int64_t value)
{
    return arena_printf(arena, "%lld", (long long)value);
}

const char *db_param_time(struct arena *arena, int64_t wall_ms)
{
    char text[CLOCK_TEXT_SIZE];
    clock_format(wall_ms, text);
    return arena_strdup(arena, text);
}

static size_t quoted_bytes(const char *item)
{
    size_t bytes = item == NULL ? 4 : 2;
    for (; item != NULL && *item != '\0'; item++)
        bytes += *item == '"' || *item == '\\' ? 2 : 1;
    return bytes + 1; /* a comma */
}

static char *quote(char *at, const char *item)
{
    if (item == NULL)
    {
        memcpy(at, "NULL", 4);
        return at + 4;
    }
    *at++ = '"';
    for (; *item != '\0'; item++)
    {
        if (*item == '"' || *item == '\\')
            *at++ = '\\';
        *at++ = *item;
    }
    *at++ = '"';
    return at;
}

const char *db_param_array(struct arena *arena, const char *const *items, size_t count)
{
    size_t bytes = 3;
    for (size_t i = 0; i < count; i++)
        bytes += quoted_bytes(items[i]);
    char *text = arena_alloc(arena, bytes);
    if (text == NULL)
        return NULL;
    char *at = text;
    *at++ = '{';
    for (size_t i = 0; i < count; i++)
    {
        if (i > 0)
            *at++ = ',';
        at = quote(at, items[i]);
    }
    *at++ = '}';
    *at = '\0';
    return text;
}
