/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http/multipart.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct boundary
{
    char line[MULTIPART_BOUNDARY_MAX + 5]; /* "\r\n--" and the boundary */
    size_t len;
};

static bool fits(char c)
{
    return isalnum((unsigned char)c) || (c != '\0' && strchr("'()+_,-./:=? ", c) != NULL);
}

/* The value of boundary=, quoted or not; nothing that RFC 2046 does not allow in it. */
static bool find_boundary(const char *content_type, struct boundary *boundary)
{
    const char *at = strchr(content_type, ';');
    while (at != NULL)
    {
        at += 1 + strspn(at + 1, " \t");
        if (strncasecmp(at, "boundary=", 9) == 0)
            break;
        at = strchr(at, ';');
    }
    if (at == NULL)
        return false;
    at += 9;
    const bool quoted = *at == '"';
    at += quoted ? 1 : 0;
    size_t len = quoted ? strcspn(at, "\"") : strcspn(at, "; \t");
    if (len == 0 || len > MULTIPART_BOUNDARY_MAX || (quoted && at[len] != '"') || at[len - 1] == ' ')
        return false;
    for (size_t i = 0; i < len; i++)
        if (!fits(at[i]))
            return false;
    snprintf(boundary->line, sizeof boundary->line, "\r\n--%.*s", (int)len, at);
    boundary->len = len + 4;
    return true;
}

enum err_code multipart_file(const char *content_type, const char *body, size_t len,
                             struct multipart_file *file, struct err *err)
{
    static const char type[] = "multipart/form-data";
    struct boundary boundary;
    if (content_type == NULL || strncasecmp(content_type, type, sizeof type - 1) != 0 ||
        !find_boundary(content_type, &boundary))
        return fail(err, E_MEDIA_TYPE, "the body must be multipart/form-data");
    const char *const end = body + len;
    const char *at = body + boundary.len; /* behind the first line, which has nothing before it */
    if (len < boundary.len + 2 || memcmp(body, boundary.line + 2, boundary.len - 2) != 0 ||
        memcmp(at - 2, "\r\n", 2) != 0)
        return fail(err, E_INVALID, "the body does not begin with its boundary");
    const size_t head_max = (size_t)(end - at) < MULTIPART_HEAD_MAX ? (size_t)(end - at) : MULTIPART_HEAD_MAX;
    const char *bytes = memmem(at, head_max, "\r\n\r\n", 4);
    if (bytes == NULL)
        return fail(err, E_INVALID, "the part in the body has no end of its head");
    bytes += 4;
    const char *last = memmem(bytes, (size_t)(end - bytes), boundary.line, boundary.len);
    if (last == NULL)
        return fail(err, E_INVALID, "the part in the body has no end");
    const char *rest = last + boundary.len;
    if (end - rest < 2 || memcmp(rest, "--", 2) != 0 ||
        (end - rest != 2 && (end - rest != 4 || memcmp(rest, "--\r\n", 4) != 0)))
        return fail(err, E_INVALID, "the body must have one part and nothing behind it");
    *file = (struct multipart_file){bytes, (size_t)(last - bytes)};
    return E_OK;
}
