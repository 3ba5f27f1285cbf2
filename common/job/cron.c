/* SPDX-License-Identifier: Apache-2.0 */
#include "common/job/cron.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

enum field
{
    MINUTE,
    HOUR,
    DAY,
    MONTH,
    WEEKDAY
};

static const char *const month_names[] = {"jan", "feb", "mar", "apr", "may", "jun", "jul",
                                          "aug", "sep", "oct", "nov", "dec", NULL};
static const char *const weekday_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL};

static const struct
{
    const char *name;
    int min;
    int max;
    int last; /* where a range without an end ends, and one that goes round begins anew */
    const char *const *words;
    int first_word;
} fields[CRON_FIELDS] = {
    [MINUTE] = {"minute", 0, 59, 59, NULL, 0},
    [HOUR] = {"hour", 0, 23, 23, NULL, 0},
    [DAY] = {"day of month", 1, 31, 31, NULL, 0},
    [MONTH] = {"month", 1, 12, 12, month_names, 1},
    [WEEKDAY] = {"day of week", 0, 7, 6, weekday_names, 0},
};

static const struct
{
    const char *name;
    const char *text;
} shorthands[] = {
    {"@hourly", "0 * * * *"},  {"@daily", "0 0 * * *"},  {"@midnight", "0 0 * * *"}, {"@weekly", "0 0 * * 0"},
    {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"},
};

/* ---- reading -------------------------------------------------------------------------------- */

static bool read_number(const char **at, int *value)
{
    if (!isdigit((unsigned char)**at))
        return false;
    *value = 0;
    for (; isdigit((unsigned char)**at) && *value < 1000; (*at)++)
        *value = *value * 10 + (**at - '0');
    return true;
}

static bool read_word(const char **at, enum field field, int *value)
{
    for (int i = 0; fields[field].words != NULL && fields[field].words[i] != NULL; i++)
    {
        if (strncasecmp(*at, fields[field].words[i], 3) != 0)
            continue;
        *at += 3;
        *value = fields[field].first_word + i;
        return true;
    }
    return false;
}

static bool read_value(const char **at, enum field field, int *value)
{
    bool read = read_number(at, value) || read_word(at, field, value);
    return read && *value >= fields[field].min && *value <= fields[field].max;
}

static bool is_open(const char *at, enum field field)
{
    return *at == '*' || (*at == '?' && (field == DAY || field == WEEKDAY));
}

/* From one value to another, round the end of the field where the second is the smaller one: 22-2 are five
 * hours. */
static void add_values(enum field field, int from, int to, int step, uint64_t *bits)
{
    const int round = fields[field].last - fields[field].min + 1;
    const int end = to < from ? to + round : to;
    for (int value = from; value <= end; value += step)
        *bits |= UINT64_C(1) << (value > fields[field].last ? value - round : value);
}

/* *, a, a-b, each with an optional /step. */
static bool read_range(const char **at, enum field field, uint64_t *bits)
{
    int from = fields[field].min;
    int to = fields[field].last;
    int step = 1;
    bool has_end = is_open(*at, field);
    if (has_end)
        (*at)++;
    else if (!read_value(at, field, &from))
        return false;
    else if (**at == '-')
    {
        (*at)++;
        has_end = true;
        if (!read_value(at, field, &to))
            return false;
    }
    if (**at == '/')
    {
        (*at)++;
        if (!read_number(at, &step) || step < 1)
            return false;
    }
    else if (!has_end)
        to = from;
    add_values(field, from, to, step, bits);
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool read_field(const char **at, enum field field, uint64_t *bits)
{
    *bits = 0;
    for (;;)
    {
        if (!read_range(at, field, bits))
            return false;
        if (**at != ',')
            return is_blank(**at) || **at == '\0';
        (*at)++;
    }
}

static const char *expand(const char *text)
{
    for (size_t i = 0; i < sizeof shorthands / sizeof shorthands[0]; i++)
        if (strcmp(text, shorthands[i].name) == 0)
            return shorthands[i].text;
    return text;
}

enum err_code cron_parse(const char *text, struct cron *cron, struct err *err)
{
    struct cron parsed = {0};
    const char *at = expand(text);
    for (int field = MINUTE; field < CRON_FIELDS; field++)
    {
        while (is_blank(*at))
            at++;
        if (field == DAY)
            parsed.any_day = is_open(at, DAY);
        if (field == WEEKDAY)
            parsed.any_weekday = is_open(at, WEEKDAY);
        if (*at == '\0' || !read_field(&at, (enum field)field, &parsed.bits[field]))
            return fail(err, E_INVALID,
                        "the %s is not right: a cron expression has five fields, %d to %d here",
                        fields[field].name, fields[field].min, fields[field].max);
    }
    while (is_blank(*at))
        at++;
    if (*at != '\0')
        return fail(err, E_INVALID, "a cron expression has five fields, this one has more");
    *cron = parsed;
    return E_OK;
}

/* ---- the next time -------------------------------------------------------------------------- */

static bool has(const struct cron *cron, enum field field, int value)
{
    return (cron->bits[field] >> value & 1) != 0;
}

static bool is_day(const struct cron *cron, const struct tm *at)
{
    bool day = has(cron, DAY, at->tm_mday);
    bool weekday = has(cron, WEEKDAY, at->tm_wday);
    if (!cron->any_day && !cron->any_weekday)
        return day || weekday;
    return day && weekday;
}

/* Forward by the largest part that does not match. */
static bool advance(const struct cron *cron, struct tm *at)
{
    if (!has(cron, MONTH, at->tm_mon + 1))
    {
        at->tm_mon++;
        at->tm_mday = 1;
        at->tm_hour = at->tm_min = 0;
    }
    else if (!is_day(cron, at))
    {
        at->tm_mday++;
        at->tm_hour = at->tm_min = 0;
    }
    else if (!has(cron, HOUR, at->tm_hour))
    {
        at->tm_hour++;
        at->tm_min = 0;
    }
    else if (!has(cron, MINUTE, at->tm_min))
        at->tm_min++;
    else
        return false;
    return true;
}

int64_t cron_next(const struct cron *cron, int64_t wall_ms)
{
    const time_t eight_years = (time_t)8 * 366 * 86400;
    time_t now = (time_t)(wall_ms / 60000 - (wall_ms % 60000 < 0)) * 60 + 60;
    const time_t limit = now + eight_years;
    struct tm at;
    while (now < limit)
    {
        gmtime_r(&now, &at);
        if (!advance(cron, &at))
            return (int64_t)now * 1000;
        now = timegm(&at);
    }
    return CRON_NEVER;
}
