/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json/json.h"

#include "common/json/mend.h"
#include "common/json/number.h"
#include "common/json/scan.h"
#include "common/json/write.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A double holds every integer up to here; 2^53 itself may be 2^53 + 1 rounded. */
static const double exact_limit = 9007199254740991.0;

struct library json_library(void)
{
    struct library library = {.name = "cJSON"};
    snprintf(library.built, sizeof library.built, "%d.%d.%d", CJSON_VERSION_MAJOR, CJSON_VERSION_MINOR,
             CJSON_VERSION_PATCH);
    snprintf(library.found, sizeof library.found, "%s", cJSON_Version());
    return library;
}

static const cJSON *inner(const struct json *value)
{
    return (const cJSON *)(const void *)value;
}

static const struct json *outer(const cJSON *item)
{
    return (const struct json *)(const void *)item;
}

/* What becomes of members whose name stands before them already. */
enum twins
{
    TWINS_REFUSED,
    TWINS_DROPPED
};

struct member
{
    cJSON *item;
    size_t at; /* among its siblings */
};

static int by_name(const void *left, const void *right)
{
    const struct member *a = left;
    const struct member *b = right;
    int order = strcmp(a->item->string, b->item->string);
    return order != 0 ? order : (a->at > b->at) - (a->at < b->at);
}

static enum err_code settle_twin(cJSON *object, cJSON *twin, enum twins twins, size_t *gone, struct err *err)
{
    if (twins == TWINS_REFUSED)
        return fail(err, E_INVALID, "malformed JSON: the key \"%.64s\" stands twice", twin->string);
    cJSON_Delete(cJSON_DetachItemViaPointer(object, twin));
    ++*gone;
    return E_OK;
}

/* The members of a large object sorted: a hostile one must not cost time squared. */
static enum err_code settle_many(cJSON *object, size_t count, enum twins twins, size_t *gone, struct err *err)
{
    struct member *members = calloc(count, sizeof *members);
    enum err_code code = E_OK;
    if (members == NULL)
        return fail(err, E_NO_MEMORY, "no memory for a JSON document");
    size_t i = 0;
    for (cJSON *at = object->child; at != NULL; at = at->next, i++)
        members[i] = (struct member){at, i};
    qsort(members, count, sizeof *members, by_name);
    size_t first = 0;
    for (i = 1; i < count && code == E_OK; i++)
    {
        if (strcmp(members[first].item->string, members[i].item->string) == 0)
            code = settle_twin(object, members[i].item, twins, gone, err);
        else
            first = i;
    }
    free(members);
    return code;
}

static enum err_code settle_few(cJSON *object, enum twins twins, size_t *gone, struct err *err)
{
    enum err_code code = E_OK;
    for (cJSON *left = object->child; left != NULL; left = left->next)
        for (cJSON *right = left->next, *next = NULL; right != NULL && code == E_OK; right = next)
        {
            next = right->next;
            if (strcmp(left->string, right->string) == 0)
                code = settle_twin(object, right, twins, gone, err);
        }
    return code;
}

/* Keys that stand twice in one object, anywhere in the tree.  The depth is bounded by the scan. */
static enum err_code settle_twins(cJSON *item, enum twins twins, size_t *gone, struct err *err)
{
    enum
    {
        FEW = 16
    };
    enum err_code code = E_OK;
    if (cJSON_IsObject(item))
    {
        size_t count = (size_t)cJSON_GetArraySize(item);
        code = count > FEW ? settle_many(item, count, twins, gone, err) : settle_few(item, twins, gone, err);
    }
    for (cJSON *at = item->child; at != NULL && code == E_OK; at = at->next)
        if (at->child != NULL)
            code = settle_twins(at, twins, gone, err);
    return code;
}

static void delete_tree(void *tree)
{
    cJSON_Delete(tree);
}

static enum err_code parse(struct arena *arena, const char *text, size_t len, enum twins twins, size_t *gone,
                           const struct json **doc, struct err *err)
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
    code = settle_twins(tree, twins, gone, err);
    if (code == E_OK)
        *doc = outer(tree);
    return code;
}

enum err_code json_parse(struct arena *arena, const char *text, size_t len, const struct json **doc,
                         struct err *err)
{
    size_t gone = 0;
    return parse(arena, text, len, TWINS_REFUSED, &gone, doc, err);
}

enum err_code json_parse_foreign(struct arena *arena, const char *text, size_t len, const struct json **doc,
                                 size_t *lost, struct err *err)
{
    size_t gone = 0;
    char *copy = arena_alloc(arena, len + 1);
    if (copy == NULL)
        return fail(err, E_NO_MEMORY, "no memory for a JSON document of %zu bytes", len);
    memcpy(copy, text, len);
    copy[len] = '\0';
    size_t mended = mend_json(copy, len);
    enum err_code code = parse(arena, copy, len, TWINS_DROPPED, &gone, doc, err);
    if (code == E_OK)
        *lost = mended + gone;
    return code;
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
