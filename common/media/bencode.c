/* SPDX-License-Identifier: Apache-2.0 */
#include "common/media/bencode.h"

#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits up to `stop` as a number, *at behind the stop; false: no number, overflow or no stop. */
static bool read_digits(const char **at, const char *end, char stop, uint64_t *number)
{
    const char *s = *at;
    uint64_t sum = 0;
    if (s == end || !is_digit(*s) || (*s == '0' && end - s > 1 && s[1] != stop))
        return false;
    for (; s < end && is_digit(*s); s++)
        if (__builtin_mul_overflow(sum, 10, &sum) || __builtin_add_overflow(sum, (uint64_t)(*s - '0'), &sum))
            return false;
    if (s == end || *s != stop)
        return false;
    *number = sum;
    *at = s + 1;
    return true;
}

static bool read_text(const char **at, const char *end, struct bencode_text *text)
{
    uint64_t len;
    if (!read_digits(at, end, ':', &len) || len > (uint64_t)(end - *at))
        return false;
    *text = (struct bencode_text){.at = *at, .len = (size_t)len};
    *at += len;
    return true;
}

/* Behind the 'i'. */
static bool read_int(const char **at, const char *end, int64_t *number)
{
    bool minus = *at < end && **at == '-';
    uint64_t size;
    *at += minus ? 1 : 0;
    if (!read_digits(at, end, 'e', &size))
        return false;
    if (size > (uint64_t)INT64_MAX + minus || (minus && size == 0))
        return false;
    *number = minus ? -(int64_t)(size - 1) - 1 : (int64_t)size;
    return true;
}

/* ---- the check, once ----------------------------------------------------------------- */

/* What the reader is inside of, one per depth. */
struct frame
{
    bool is_dict;
    bool wants_value; /* of a dictionary: a key has been read */
    struct bencode_text last_key;
};

struct checker
{
    const char *start;
    const char *at;
    const char *end;
    size_t depth;
    size_t tokens;
    struct frame frames[BENCODE_MAX_DEPTH];
};

static enum err_code broken(const struct checker *c, const char *what, struct err *err)
{
    return fail(err, E_INVALID, "%s at byte %zu", what, (size_t)(c->at - c->start));
}

static enum err_code check_key(struct checker *c, struct frame *frame, struct err *err)
{
    struct bencode_text key;
    if (!read_text(&c->at, c->end, &key))
        return broken(c, "a broken key of a dictionary", err);
    const struct bencode_text *last = &frame->last_key;
    if (last->at != NULL && last->len == key.len && memcmp(last->at, key.at, key.len) == 0)
        return broken(c, "the same key twice", err);
    frame->last_key = key;
    frame->wants_value = true;
    return E_OK;
}

static enum err_code check_value(struct checker *c, struct err *err)
{
    struct bencode_text text;
    int64_t number;
    char c0 = *c->at;
    if (is_digit(c0))
        return read_text(&c->at, c->end, &text) ? E_OK : broken(c, "a broken text", err);
    c->at++;
    if (c0 == 'i')
        return read_int(&c->at, c->end, &number) ? E_OK : broken(c, "a broken number", err);
    if (c0 != 'l' && c0 != 'd')
        return broken(c, "an unknown kind of value", err);
    if (c->depth == BENCODE_MAX_DEPTH)
        return fail(err, E_REFUSED, "values nested deeper than %d", BENCODE_MAX_DEPTH);
    c->frames[c->depth++] = (struct frame){.is_dict = c0 == 'd'};
    return E_OK;
}

static enum err_code check_step(struct checker *c, struct err *err)
{
    struct frame *frame = c->depth > 0 ? &c->frames[c->depth - 1] : NULL;
    if (c->at == c->end)
        return broken(c, "the end in the middle", err);
    if (++c->tokens > BENCODE_MAX_TOKENS)
        return fail(err, E_REFUSED, "more than %d values", BENCODE_MAX_TOKENS);
    if (frame != NULL && *c->at == 'e' && !frame->wants_value)
    {
        c->at++;
        c->depth--;
        return E_OK;
    }
    if (frame != NULL && frame->is_dict && !frame->wants_value)
        return check_key(c, frame, err);
    if (frame != NULL)
        frame->wants_value = false;
    return check_value(c, err);
}

enum err_code bencode_open(const void *bytes, size_t len, struct bencode *root, struct err *err)
{
    const char *start = bytes;
    struct checker c = {.start = start, .at = start, .end = start + len};
    do
    {
        enum err_code code = check_step(&c, err);
        if (code != E_OK)
            return code;
    } while (c.depth > 0);
    size_t used = (size_t)(c.at - start);
    while (c.at < c.end && (*c.at == '\n' || *c.at == '\r'))
        c.at++;
    if (c.at != c.end)
        return broken(&c, "bytes behind the end", err);
    *root = (struct bencode){.at = start, .len = used};
    return E_OK;
}

/* ---- reading what has been checked ---------------------------------------------------- */

/* Behind the value at `at`. */
static const char *skip(const char *at, const char *end)
{
    struct bencode_text text;
    int64_t number;
    size_t depth = 0;
    do
    {
        char c0 = *at;
        bool ok = true;
        if (is_digit(c0))
            ok = read_text(&at, end, &text);
        else
            at++;
        if (c0 == 'i')
            ok = read_int(&at, end, &number);
        if (c0 == 'l' || c0 == 'd')
            depth++;
        if (c0 == 'e')
            depth--;
        if (!ok)
            return end;
    } while (depth > 0 && at < end);
    return at;
}

bool bencode_is_dict(struct bencode value)
{
    return value.len > 0 && value.at[0] == 'd';
}

bool bencode_is_list(struct bencode value)
{
    return value.len > 0 && value.at[0] == 'l';
}

bool bencode_int(struct bencode value, int64_t *number)
{
    const char *at = value.at + 1;
    return value.len > 0 && value.at[0] == 'i' && read_int(&at, value.at + value.len, number);
}

bool bencode_text(struct bencode value, struct bencode_text *text)
{
    const char *at = value.at;
    return value.len > 0 && read_text(&at, value.at + value.len, text);
}

struct bencode_iter bencode_iter(struct bencode value)
{
    if (!bencode_is_dict(value) && !bencode_is_list(value))
        return (struct bencode_iter){.at = value.at, .end = value.at};
    return (struct bencode_iter){.at = value.at + 1, .end = value.at + value.len - 1};
}

bool bencode_next(struct bencode_iter *iter, struct bencode *value)
{
    if (iter->at >= iter->end)
        return false;
    const char *next = skip(iter->at, iter->end);
    *value = (struct bencode){.at = iter->at, .len = (size_t)(next - iter->at)};
    iter->at = next;
    return true;
}

bool bencode_next_pair(struct bencode_iter *iter, struct bencode_text *key, struct bencode *value)
{
    return iter->at < iter->end && read_text(&iter->at, iter->end, key) && bencode_next(iter, value);
}

static bool is_less(struct bencode_text a, struct bencode_text b)
{
    int order = memcmp(a.at, b.at, a.len < b.len ? a.len : b.len);
    return order < 0 || (order == 0 && a.len < b.len);
}

/* Recursion is bounded by BENCODE_MAX_DEPTH. */
bool bencode_is_sorted(struct bencode value)
{
    struct bencode_iter iter = bencode_iter(value);
    struct bencode_text key;
    struct bencode_text last = {0};
    struct bencode child;
    bool is_dict = bencode_is_dict(value);
    bool is_sorted = true;
    while (is_sorted && (is_dict ? bencode_next_pair(&iter, &key, &child) : bencode_next(&iter, &child)))
    {
        is_sorted = (!is_dict || last.at == NULL || is_less(last, key)) && bencode_is_sorted(child);
        last = is_dict ? key : last;
    }
    return is_sorted;
}

bool bencode_find(struct bencode dict, const char *key, struct bencode *value)
{
    if (!bencode_is_dict(dict))
        return false;
    struct bencode_iter iter = bencode_iter(dict);
    struct bencode_text name;
    struct bencode found;
    size_t len = strlen(key);
    while (bencode_next_pair(&iter, &name, &found))
    {
        if (name.len != len || memcmp(name.at, key, len) != 0)
            continue;
        *value = found;
        return true;
    }
    return false;
}

bool bencode_find_int(struct bencode dict, const char *key, int64_t *number)
{
    struct bencode value;
    return bencode_find(dict, key, &value) && bencode_int(value, number);
}

bool bencode_find_text(struct bencode dict, const char *key, struct bencode_text *text)
{
    struct bencode value;
    return bencode_find(dict, key, &value) && bencode_text(value, text);
}
