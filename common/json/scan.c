/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json/scan.h"

#include "common/base/utf8.h"
#include "common/json/json.h"
#include "common/json/number.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct scan
{
    const char *text;
    size_t len;
    size_t at;
    int depth;
    int values;
    enum scan_numbers numbers;
    const char *wrong; /* what is wrong at `at`; NULL so far */
};

static bool value(struct scan *s);

static bool refuse(struct scan *s, const char *what)
{
    if (s->wrong == NULL)
        s->wrong = what;
    return false;
}

static char peek(const struct scan *s)
{
    return s->at < s->len ? s->text[s->at] : '\0';
}

static void blanks(struct scan *s)
{
    while (s->at < s->len && memchr(" \t\r\n", s->text[s->at], 4) != NULL)
        s->at++;
}

static bool word(struct scan *s, const char *expected)
{
    size_t len = strlen(expected);
    if (s->len - s->at < len || memcmp(s->text + s->at, expected, len) != 0)
        return refuse(s, "not a JSON value");
    s->at += len;
    return true;
}

static size_t digits(struct scan *s)
{
    size_t from = s->at;
    while (peek(s) >= '0' && peek(s) <= '9')
        s->at++;
    return s->at - from;
}

static bool integer(struct scan *s)
{
    if (peek(s) == '-')
        s->at++;
    bool zero = peek(s) == '0';
    size_t count = digits(s);
    if (count == 0)
        return refuse(s, "a number needs digits");
    return !zero || count == 1 || refuse(s, "a number with a leading zero");
}

static bool fraction(struct scan *s)
{
    if (peek(s) != '.')
        return true;
    s->at++;
    return digits(s) > 0 || refuse(s, "a number needs digits after its point");
}

/* *size is what it adds to the digits when it is written out. */
static bool exponent(struct scan *s, size_t *size)
{
    *size = 0;
    if (peek(s) != 'e' && peek(s) != 'E')
        return true;
    s->at++;
    if (peek(s) == '+' || peek(s) == '-')
        s->at++;
    const size_t from = s->at;
    if (digits(s) == 0)
        return refuse(s, "a number needs digits in its exponent");
    for (size_t i = from; i < s->at && *size <= SCAN_MAX_DIGITS; i++)
        *size = *size * 10 + (size_t)(s->text[i] - '0');
    return true;
}

static bool number(struct scan *s)
{
    const size_t from = s->at;
    size_t more = 0;
    if (!integer(s) || !fraction(s))
        return false;
    const bool has_sign = s->text[from] == '-';
    const bool has_point = memchr(s->text + from, '.', s->at - from) != NULL;
    const size_t mantissa = s->at - from - has_sign - has_point;
    if (!exponent(s, &more))
        return false;
    const size_t len = s->at - from;
    char copy[SCAN_MAX_NUMBER + 1];
    if (len > SCAN_MAX_NUMBER)
        return refuse(s, "a number that is too long");
    memcpy(copy, s->text + from, len);
    copy[len] = '\0';
    if (!isfinite(strtod(copy, NULL)))
        return refuse(s, "a number that is too large");
    if (mantissa + more > SCAN_MAX_DIGITS)
        return refuse(s, "a number that is too long");
    if (!number_is_small(s->text + from, len))
        s->numbers = SCAN_NOT_SMALL;
    return true;
}

/* Four hexadecimal digits; -1 when they are not. */
static int unit(struct scan *s)
{
    int sum = 0;
    for (int i = 0; i < 4; i++, s->at++)
    {
        char c = peek(s);
        if (c >= '0' && c <= '9')
            sum = sum * 16 + (c - '0');
        else if ((c | 32) >= 'a' && (c | 32) <= 'f')
            sum = sum * 16 + ((c | 32) - 'a' + 10);
        else
            return -1;
    }
    return sum;
}

static bool unicode_escape(struct scan *s)
{
    int high = unit(s);
    if (high < 0)
        return refuse(s, "\\u needs four hexadecimal digits");
    if (high == 0)
        return refuse(s, "\\u0000 is not allowed");
    if (high >= 0xdc00 && high <= 0xdfff)
        return refuse(s, "a lone surrogate");
    if (high < 0xd800 || high > 0xdbff)
        return true;
    if (s->len - s->at < 6 || s->text[s->at] != '\\' || s->text[s->at + 1] != 'u')
        return refuse(s, "a lone surrogate");
    s->at += 2;
    int low = unit(s);
    return (low >= 0xdc00 && low <= 0xdfff) || refuse(s, "a lone surrogate");
}

static bool escape(struct scan *s)
{
    s->at++;
    char c = peek(s);
    if (c == '\0' || strchr("\"\\/bfnrtu", c) == NULL)
        return refuse(s, "an unknown escape");
    s->at++;
    return c != 'u' || unicode_escape(s);
}

static bool string(struct scan *s)
{
    s->at++;
    while (s->at < s->len)
    {
        char c = s->text[s->at];
        if (c == '"')
        {
            s->at++;
            return true;
        }
        if ((unsigned char)c < 0x20)
            return refuse(s, "a raw control character in a string");
        if (c == '\\')
        {
            if (!escape(s))
                return false;
            continue;
        }
        size_t step = utf8_step(s->text + s->at, s->len - s->at);
        if (step == 0)
            return refuse(s, "bytes that are not UTF-8");
        s->at += step;
    }
    return refuse(s, "a string without an end");
}

static bool member(struct scan *s)
{
    blanks(s);
    if (peek(s) != '"')
        return refuse(s, "a member needs a name in quotes");
    if (!string(s))
        return false;
    blanks(s);
    if (peek(s) != ':')
        return refuse(s, "a colon is missing");
    s->at++;
    return value(s);
}

/* What stands between the brackets of an object or an array. */
static bool members(struct scan *s, char close, bool (*one)(struct scan *s))
{
    s->at++;
    if (++s->depth > JSON_MAX_DEPTH)
        return refuse(s, "nested too deeply");
    blanks(s);
    if (peek(s) == close)
    {
        s->at++;
        s->depth--;
        return true;
    }
    for (;;)
    {
        if (!one(s))
            return false;
        blanks(s);
        char c = peek(s);
        if (c != ',' && c != close)
            return refuse(s, s->at < s->len ? "a comma or a closing bracket is missing" : "cut short");
        s->at++;
        if (c == close)
            break;
    }
    s->depth--;
    return true;
}

static bool value(struct scan *s)
{
    blanks(s);
    if (s->at == s->len)
        return refuse(s, "cut short");
    if (++s->values > SCAN_MAX_VALUES)
        return refuse(s, "too many values");
    switch (peek(s))
    {
    case '{':
        return members(s, '}', member);
    case '[':
        return members(s, ']', value);
    case '"':
        return string(s);
    case 't':
        return word(s, "true");
    case 'f':
        return word(s, "false");
    case 'n':
        return word(s, "null");
    default:
        if (peek(s) == '-' || (peek(s) >= '0' && peek(s) <= '9'))
            return number(s);
        return refuse(s, "not a JSON value");
    }
}

enum err_code scan_json(const char *text, size_t len, enum scan_numbers *numbers, struct err *err)
{
    struct scan s = {.text = text, .len = len, .numbers = SCAN_ALL_SMALL};
    if (value(&s))
    {
        blanks(&s);
        if (s.at < s.len)
            refuse(&s, "something stands after the value");
    }
    if (s.wrong == NULL)
    {
        *numbers = s.numbers;
        return E_OK;
    }
    return fail(err, E_INVALID, "malformed JSON at byte %zu: %s", s.at, s.wrong);
}
