/* SPDX-License-Identifier: Apache-2.0 */
#include "api/query.h"

#include "common/base/utf8.h"

#include <string.h>

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

enum err_code query_decode(struct arena *arena, const char *text, size_t len, enum query_plus plus,
                           const char **out, struct err *err)
{
    char *copy = arena_alloc(arena, len + 1);
    if (copy == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    size_t at = 0;
    for (size_t i = 0; i < len; i++)
    {
        char c = text[i];
        if (c == '+' && plus == PLUS_IS_BLANK)
            c = ' ';
        else if (c == '%')
        {
            int high = len - i > 2 ? hex(text[i + 1]) : -1;
            int low = high >= 0 ? hex(text[i + 2]) : -1;
            if (low < 0)
                return fail(err, E_INVALID, "broken percent-encoding in the address");
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (c == '\0')
            return fail(err, E_REFUSED, "a zero byte in the address");
        copy[at++] = c;
    }
    if (!utf8_valid(copy, at))
        return fail(err, E_INVALID, "the address is not UTF-8");
    if (utf8_has_controls(copy))
        return fail(err, E_INVALID, "a control character in the address");
    *out = copy;
    return E_OK;
}

static enum err_code add_pair(struct request *req, const char *text, size_t len, struct err *err)
{
    size_t name_len = 0;
    while (name_len < len && text[name_len] != '=')
        name_len++;
    size_t skip = name_len < len ? name_len + 1 : name_len;
    struct request_pair pair = {0};
    if (query_decode(req->arena, text, name_len, PLUS_IS_BLANK, &pair.name, err) != E_OK ||
        query_decode(req->arena, text + skip, len - skip, PLUS_IS_BLANK, &pair.value, err) != E_OK)
        return err->code;
    if (request_query(req, pair.name) != NULL)
        return request_complain(req, err, pair.name, "stands there more than once");
    if (req->query_count == REQUEST_MAX_QUERY)
        return fail(err, E_INVALID, "more than %d query parameters", REQUEST_MAX_QUERY);
    req->query[req->query_count++] = pair;
    return E_OK;
}

enum err_code query_parse(struct request *req, const char *text, struct err *err)
{
    while (*text != '\0')
    {
        size_t len = strcspn(text, "&");
        if (len > 0 && add_pair(req, text, len, err) != E_OK)
            return err->code;
        text += len + (text[len] == '&');
    }
    return E_OK;
}
