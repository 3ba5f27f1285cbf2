/* SPDX-License-Identifier: Apache-2.0 */
#include "common/obs/head.h"

#include <ctype.h>
#include <string.h>

/* Characters of a method or a header's name, from the start. */
static size_t token_len(const char *text, size_t len)
{
    size_t at = 0;
    while (at < len && text[at] != '\0' &&
           (isalnum((unsigned char)text[at]) || strchr("!#$%&'*+-.^_`|~", text[at]) != NULL))
        at++;
    return at;
}

/* "GET /path HTTP/1.1", with one blank at each seam. */
static bool is_request_line(const char *line, size_t len)
{
    static const char tail[] = " HTTP/1.";
    const size_t tail_len = sizeof tail - 1;
    size_t method = token_len(line, len);
    if (method == 0 || len < method + 2 + tail_len + 1 || line[method] != ' ' || line[method + 1] != '/')
        return false;
    const char *end = line + len - 1;
    if ((*end != '1' && *end != '0') || memcmp(end - tail_len, tail, tail_len) != 0)
        return false;
    for (const char *c = line + method + 1; c < end - tail_len; c++)
        if ((unsigned char)*c <= 0x20 || (unsigned char)*c >= 0x7f)
            return false;
    return true;
}

static bool is_field(const char *line, size_t len)
{
    size_t name = token_len(line, len);
    if (name == 0 || name == len || line[name] != ':')
        return false;
    for (size_t i = name + 1; i < len; i++)
        if (((unsigned char)line[i] < 0x20 && line[i] != '\t') || line[i] == 0x7f)
            return false;
    return true;
}

enum head_state head_look(const char *bytes, size_t len)
{
    bool first = true;
    for (const char *line = bytes, *end = bytes + len; line < end; first = false)
    {
        const char *lf = memchr(line, '\n', (size_t)(end - line));
        if (lf == NULL)
            return memchr(line, '\0', (size_t)(end - line)) != NULL ? HEAD_BROKEN : HEAD_PART;
        if (lf == line || lf[-1] != '\r')
            return HEAD_BROKEN;
        const size_t line_len = (size_t)(lf - 1 - line);
        if (line_len == 0)
            return first ? HEAD_BROKEN : HEAD_WHOLE;
        if (first ? !is_request_line(line, line_len) : !is_field(line, line_len))
            return HEAD_BROKEN;
        line = lf + 1;
    }
    return HEAD_PART;
}
