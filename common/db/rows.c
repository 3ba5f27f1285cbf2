/* SPDX-License-Identifier: Apache-2.0 */
/* Reading rows, and writing parameters. */
#include "common/db/internal.h"

#include "common/base/clock.h"
#include "common/base/parse.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum
{
    TEXT_OID = 25,
    UUID_OID = 2950,
    UUID_BYTES = 16
};

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

static char *put_int(char *at, size_t value)
{
    const uint32_t net = htonl((uint32_t)value);
    memcpy(at, &net, sizeof net);
    return at + sizeof net;
}

static char *put_text(char *at, const char *item)
{
    const size_t len = strlen(item);
    at = put_int(at, len);
    memcpy(at, item, len);
    return at + len;
}

static int hex_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* A text that is no UUID gets a byte too many, and Postgres refuses it. */
static char *put_uuid(char *at, const char *item)
{
    unsigned char bytes[UUID_BYTES + 1] = {0};
    size_t n = 0;
    for (; n < UUID_BYTES && *item != '\0'; n++)
    {
        int high = hex_of(item[0]);
        int low = high < 0 ? -1 : hex_of(item[1]);
        if (low < 0)
            break;
        bytes[n] = (unsigned char)(high << 4 | low);
        item += item[2] == '-' ? 3 : 2;
    }
    const size_t len = n == UUID_BYTES && *item == '\0' ? UUID_BYTES : UUID_BYTES + 1;
    at = put_int(at, len);
    memcpy(at, bytes, len);
    return at + len;
}

static size_t text_bytes(const char *item)
{
    return strlen(item);
}

static size_t uuid_bytes(const char *item)
{
    (void)item;
    return UUID_BYTES + 1;
}

static const struct element
{
    size_t oid;
    size_t (*bytes)(const char *item); /* at most */
    char *(*put)(char *at, const char *item);
} element_text = {TEXT_OID, text_bytes, put_text}, element_uuid = {UUID_OID, uuid_bytes, put_uuid};

/* Postgres's array_recv: dimensions, has nulls, element type; size and first index; length and bytes of each.
 * The array's own length lies before it, where run.c reads it. */
static const char *binary_array(struct arena *arena, const struct element *element, const char *const *items,
                                size_t count)
{
    size_t most = (count > 0 ? 5 : 3) * sizeof(uint32_t);
    for (size_t i = 0; i < count; i++)
        most += sizeof(uint32_t) + (items[i] != NULL ? element->bytes(items[i]) : 0);
    char *start = most < INT32_MAX ? arena_alloc(arena, sizeof(int32_t) + most) : NULL;
    if (start == NULL)
        return NULL;
    char *at = start + sizeof(int32_t);
    at = put_int(put_int(put_int(at, count > 0 ? 1 : 0), 1), element->oid);
    if (count > 0)
        at = put_int(put_int(at, count), 1);
    for (size_t i = 0; i < count; i++)
        at = items[i] != NULL ? element->put(at, items[i]) : put_int(at, UINT32_MAX);
    const int32_t length = (int32_t)(at - start - (ptrdiff_t)sizeof length);
    memcpy(start, &length, sizeof length);
    return start + sizeof length;
}

int db_stmt_params(const struct db_stmt *stmt)
{
    return stmt->params & (DB_TEXTS(1) - 1);
}

const char *db_param_column(struct arena *arena, const struct db_stmt *stmt, int n, const char *const *items,
                            size_t count)
{
    if (takes_texts(stmt, n))
        return binary_array(arena, &element_text, items, count);
    if (takes_uuids(stmt, n))
        return binary_array(arena, &element_uuid, items, count);
    return db_param_array(arena, items, count);
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
