/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json/json.h"

#include "common/json/number.h"
#include "common/json/scan.h"
#include "common/json/write.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A double holds every integer up to here; 2^53 itself may be 2^53 + 1 rounded. */
static const double exact_limit = 9007199254740991.0;

static const cJSON *inner(const struct json *value)
{
    return (const cJSON *)(const void *)value;
}

static const struct json *outer(const cJSON *item)
{
    return (const struct json *)(const void *)item;
}

static int by_text(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* The names of a large object sorted: a hostile one must not cost time squared. */
static const char *twice_among_many(const cJSON *object, size_t count)
{
    const char **names = calloc(count, sizeof *names);
    if (names == NULL)
        return "";
    size_t i = 0;
    for (const cJSON *at = object->child; at != NULL; at = at->next)
        names[i++] = at->string;
    qsort(names, count, sizeof *names, by_text);
    const char *twice = NULL;
    for (i = 1; i < count && twice == NULL; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            twice = names[i];
    free(names);
    return twice;
}

static const char *twice_in(const cJSON *object)
{
    enum
    {
        FEW = 16
    };
    size_t count = (size_t)cJSON_GetArraySize(object);
    if (count > FEW)
        return twice_among_many(object, count);
    for (const cJSON *left = object->child; left != NULL; left = left->next)
        for (const cJSON *right = left->next; right != NULL; right = right->next)
            if (strcmp(left->string, right->string) == 0)
                return left->string;
    return NULL;
}

/* A key that stands twice in one object, anywhere in the tree; the depth is bounded by the scan. */
static const char *duplicate_key(const cJSON *item)
{
    const char *twice = cJSON_IsObject(item) ? twice_in(item) : NULL;
    for (const cJSON *at = item->child; at != NULL && twice == NULL; at = at->next)
        if (at->child != NULL)
            twice = duplicate_key(at);
    return twice;
}

static void delete_tree(void *tree)
{
    cJSON_Delete(tree);
}

enum err_code json_parse(struct arena *arena, const char *text, size_t len, const struct json **doc,
                         struct err *err)
{
    enum scan_numbers numbers = SCAN_ALL_SMALL;
    enum err_code code = scan_json(text, len, &numbers, err);
    if (code != E_OK)
        return code;
    cJSON *tree =
        numbers == SCAN_ALL_SMALL ? cJSON_ParseWithLengthOpts(text, len, NULL, 0) : number_parse(text, len);
    if (tree == NULL)
        return fail(err, E_NO_MEMORY, "no memory for a JSON document of %zu bytes", len);
    if (!arena_defer(arena, delete_tree, tree))
        return fail(err, E_NO_MEMORY, "no memory for a JSON document of %zu bytes", len);
    const char *twice = duplicate_key(tree);
    if (twice != NULL)
        return fail(err, E_INVALID, "malformed JSON: the key \"%.64s\" stands twice", twice);
    *doc = outer(tree);
    return E_OK;
}

const struct json *json_get(const struct json *object, const char *name)
{
    return json_is_object(object) ? outer(cJSON_GetObjectItemCaseSensitive(inner(object), name)) : NULL;
}

bool json_is_null(const struct json *value)
{
    return value == NULL || cJSON_IsNull(inner(value));
}

bool json_is_object(const struct json *value)
{
    return cJSON_IsObject(inner(value));
}

bool json_is_array(const struct json *value)
{
    return cJSON_IsArray(inner(value));
}

size_t json_count(const struct json *value)
{
    return value == NULL ? 0 : (size_t)cJSON_GetArraySize(inner(value));
}

const struct json *json_first(const struct json *value)
{
    return value == NULL ? NULL : outer(inner(value)->child);
}

const struct json *json_next(const struct json *value)
{
    return value == NULL ? NULL : outer(inner(value)->next);
}

const char *json_name(const struct json *member)
{
    return member == NULL ? NULL : inner(member)->string;
}

const char *json_text(const struct json *value, const char *otherwise)
{
    return cJSON_IsString(inner(value)) ? inner(value)->valuestring : otherwise;
}

double json_number(const struct json *value, double otherwise)
{
    return cJSON_IsNumber(inner(value)) ? inner(value)->valuedouble : otherwise;
}

/* Digits and nothing else, that an int64_t holds. */
static bool whole_number(const char *text, int64_t *number)
{
    char *end = NULL;
    errno = 0;
    long long read = strtoll(text, &end, 10);
    if (errno != 0 || *end != '\0')
        return false;
    *number = read;
    return true;
}

int64_t json_int(const struct json *value, int64_t otherwise)
{
    int64_t whole = 0;
    const char *text = number_text(inner(value));
    if (text != NULL && whole_number(text, &whole))
        return whole;
    double number = json_number(value, (double)NAN);
    bool exact = fabs(number) <= exact_limit && trunc(number) >= number && trunc(number) <= number;
    return exact ? (int64_t)number : otherwise;
}

bool json_bool(const struct json *value, bool otherwise)
{
    return cJSON_IsBool(inner(value)) ? cJSON_IsTrue(inner(value)) != 0 : otherwise;
}

char *json_print(struct arena *arena, const struct json *value)
{
    enum
    {
        MAX_BYTES = 64 << 20
    };
    struct buf buf;
    buf_init(&buf, MAX_BYTES);
    struct json_writer w = json_writer(&buf);
    json_put_value(&w, NULL, value);
    return buf_keep(&buf, arena);
}
