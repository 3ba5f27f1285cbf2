/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/utf8.h"

#include <stdio.h>
#include <string.h>

/* Well-formed sequences by their first byte: the range of the second one is what keeps over-long
 * forms, surrogates and too large values out (Unicode 15, table 3-7). */
static const struct row
{
    unsigned char first;
    unsigned char last;
    unsigned char low;
    unsigned char high;
    unsigned char size;
} rows[] = {
    {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
    {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
    {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
};

static const struct row *row_of(unsigned char first)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (first >= rows[i].first && first <= rows[i].last)
            return &rows[i];
    return NULL;
}

size_t utf8_step(const char *text, size_t len)
{
    if (len == 0)
        return 0;
    unsigned char first = (unsigned char)text[0];
    if (first < 0x80)
        return 1;
    const struct row *row = row_of(first);
    if (row == NULL || row->size > len)
        return 0;
    unsigned char second = (unsigned char)text[1];
    if (second < row->low || second > row->high)
        return 0;
    for (size_t i = 2; i < row->size; i++)
        if (((unsigned char)text[i] & 0xc0) != 0x80)
            return 0;
    return row->size;
}

bool utf8_valid(const char *text, size_t len)
{
    for (size_t at = 0; at < len;)
    {
        size_t step = utf8_step(text + at, len - at);
        if (step == 0)
            return false;
        at += step;
    }
    return true;
}

bool utf8_has_controls(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++)
        if (*c < 0x20 || *c == 0x7f || (*c == 0xc2 && c[1] < 0xa0))
            return true;
    return false;
}

size_t utf8_count(const char *text)
{
    size_t len = strlen(text);
    size_t count = 0;
    for (size_t at = 0; at < len; count++)
    {
        size_t step = utf8_step(text + at, len - at);
        at += step == 0 ? 1 : step;
    }
    return count;
}

size_t utf8_cut(const char *text, size_t len)
{
    size_t back = len;
    while (back > 0 && len - back < 3 && ((unsigned char)text[back - 1] & 0xc0) == 0x80)
        back--;
    if (back == 0 || (unsigned char)text[back - 1] < 0xc0)
        return len;
    size_t start = back - 1;
    return utf8_step(text + start, len - start) == len - start ? len : start;
}

void utf8_mend(char *text)
{
    size_t len = utf8_cut(text, strlen(text));
    text[len] = '\0';
    for (size_t at = 0; at < len;)
    {
        size_t step = utf8_step(text + at, len - at);
        unsigned char c = (unsigned char)text[at];
        if (step == 0)
            text[at] = '?';
        else if (c < 0x20 || c == 0x7f)
            text[at] = ' ';
        at += step == 0 ? 1 : step;
    }
}

/* The character of `step` bytes, which utf8_step has found. */
static uint32_t point_of(const char *text, size_t step)
{
    static const unsigned char first[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t point = (unsigned char)text[0] & first[step];
    for (size_t i = 1; i < step; i++)
        point = point << 6 | ((unsigned char)text[i] & 0x3f);
    return point;
}

struct range
{
    uint32_t first;
    uint32_t last;
};

static bool in_ranges(const struct range *ranges, size_t count, uint32_t point)
{
    for (size_t i = 0; i < count; i++)
        if (point >= ranges[i].first && point <= ranges[i].last)
            return true;
    return false;
}

bool utf8_is_hidden(uint32_t point)
{
    static const struct range hidden[] = {
        {0x00, 0x1f},     {0x7f, 0x9f},       {0xad, 0xad},       {0x34f, 0x34f},     {0x61c, 0x61c},
        {0x115f, 0x1160}, {0x17b4, 0x17b5},   {0x180b, 0x180f},   {0x200b, 0x200f},   {0x2028, 0x202e},
        {0x2060, 0x206f}, {0x3164, 0x3164},   {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},   {0xffa0, 0xffa0},
        {0xfff0, 0xfffb}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
    };
    return in_ranges(hidden, sizeof hidden / sizeof hidden[0], point);
}

static bool is_blank(uint32_t point)
{
    static const struct range blanks[] = {{0x20, 0x20},     {0xa0, 0xa0},     {0x1680, 0x1680},
                                          {0x2000, 0x200a}, {0x202f, 0x202f}, {0x205f, 0x205f},
                                          {0x2800, 0x2800}, {0x3000, 0x3000}};
    return in_ranges(blanks, sizeof blanks / sizeof blanks[0], point);
}

bool utf8_is_plain(const char *text)
{
    for (size_t len = strlen(text), step; len > 0; text += step, len -= step)
    {
        step = utf8_step(text, len);
        if (step == 0 || utf8_is_hidden(point_of(text, step)))
            return false;
    }
    return true;
}

bool utf8_is_trimmed(const char *text)
{
    bool blank = false; /* the latest character was one */
    size_t len = strlen(text);
    for (size_t at = 0, step; at < len; at += step)
    {
        step = utf8_step(text + at, len - at);
        blank = step > 0 && is_blank(point_of(text + at, step));
        if (blank && at == 0)
            return false;
        step += step == 0;
    }
    return !blank;
}

size_t utf8_show_step(const char *text, size_t len, char out[UTF8_SHOW_MAX], size_t *out_len)
{
    size_t step = utf8_step(text, len);
    char escaped[UTF8_SHOW_MAX + 1];
    const char *from = step > 0 ? text : "\xef\xbf\xbd";
    *out_len = step > 0 ? step : 3;
    const uint32_t point = step > 0 ? point_of(text, step) : 0xfffd;
    if (point != '\n' && point != '\t' && utf8_is_hidden(point))
    {
        int size = point < 0x10000 ? snprintf(escaped, sizeof escaped, "\\u%04x", point)
                                   : snprintf(escaped, sizeof escaped, "\\u%04x\\u%04x",
                                              0xd7c0 + (point >> 10), 0xdc00 + (point & 0x3ff));
        from = escaped;
        *out_len = (size_t)size;
    }
    memcpy(out, from, *out_len);
    return step > 0 ? step : 1;
}

static char short_escape(char c)
{
    static const char from[] = "\"\\\b\f\n\r\t";
    static const char to[] = "\"\\bfnrt";
    const char *at = memchr(from, c, sizeof from - 1);
    return at == NULL ? '\0' : to[at - from];
}

static size_t write_hex(char out[UTF8_JSON_MAX], char c)
{
    static const char hex[] = "0123456789abcdef";
    memcpy(out, "\\u00", 4);
    out[4] = hex[((unsigned char)c) >> 4];
    out[5] = hex[((unsigned char)c) & 15];
    return 6;
}

size_t utf8_json_step(const char *text, size_t len, char out[UTF8_JSON_MAX], size_t *out_len)
{
    size_t step = utf8_step(text, len);
    char c = text[0];
    if (step == 0 || c == '\0')
    {
        memcpy(out, "\xef\xbf\xbd", 3);
        *out_len = 3;
        return 1;
    }
    char brief = short_escape(c);
    if (brief != '\0')
    {
        out[0] = '\\';
        out[1] = brief;
        *out_len = 2;
    }
    else if ((unsigned char)c < 0x20 || c == '<' || c == '>' || c == '&')
        *out_len = write_hex(out, c);
    else
    {
        memcpy(out, text, step);
        *out_len = step;
    }
    return step;
}
