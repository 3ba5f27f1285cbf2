/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/clock.h"

#include <stdio.h>
#include <string.h>

static int64_t read_ns(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t clock_wall_ms(void)
{
    return read_ns(CLOCK_REALTIME) / 1000000;
}

int64_t clock_wall_us(void)
{
    return read_ns(CLOCK_REALTIME) / 1000;
}

int64_t clock_mono_ms(void)
{
    return read_ns(CLOCK_MONOTONIC) / 1000000;
}

int64_t clock_mono_ns(void)
{
    return read_ns(CLOCK_MONOTONIC);
}

struct timespec clock_mono_after_ms(int64_t wait_ms)
{
    int64_t at = read_ns(CLOCK_MONOTONIC) + wait_ms * 1000000;
    return (struct timespec){.tv_sec = (time_t)(at / 1000000000), .tv_nsec = (long)(at % 1000000000)};
}

/* Days since 1970-01-01 of a proleptic Gregorian date.  Source: H. Hinnant,
 * "chrono-Compatible Low-Level Date Algorithms", days_from_civil. */
static int64_t days_of(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

/* The inverse; same source, civil_from_days. */
static void date_of(int64_t days, int64_t *year, int *month, int *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t doe = days - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t shifted = (5 * doy + 2) / 153;
    *day = (int)(doy - (153 * shifted + 2) / 5 + 1);
    *month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
    *year = yoe + era * 400 + (*month <= 2);
}

void clock_format(int64_t wall_ms, char text[CLOCK_TEXT_SIZE])
{
    enum
    {
        DAY_MS = 86400000
    };
    int64_t days = wall_ms / DAY_MS;
    int64_t rest = wall_ms % DAY_MS;
    if (rest < 0)
    {
        rest += DAY_MS;
        days--;
    }
    int64_t year = 0;
    int month = 0;
    int day = 0;
    date_of(days, &year, &month, &day);
    text[0] = '\0';
    if (year < 0 || year > 9999)
        return;
    snprintf(text, CLOCK_TEXT_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", (int)year, month, day,
             (int)(rest / 3600000), (int)(rest / 60000 % 60), (int)(rest / 1000 % 60), (int)(rest % 1000));
}

/* Exactly `count` digits; moves *at past them. */
static bool digits(const char **at, int count, int *value)
{
    *value = 0;
    for (int i = 0; i < count; i++, (*at)++)
    {
        if (**at < '0' || **at > '9')
            return false;
        *value = *value * 10 + (**at - '0');
    }
    return true;
}

static bool literal(const char **at, char c)
{
    if (**at != c)
        return false;
    (*at)++;
    return true;
}

static bool fraction(const char **at, int *ms)
{
    *ms = 0;
    if (!literal(at, '.'))
        return true;
    int seen = 0;
    for (; **at >= '0' && **at <= '9'; (*at)++, seen++)
        if (seen < 3)
            *ms = *ms * 10 + (**at - '0');
    for (int i = seen; i < 3; i++)
        *ms *= 10;
    return seen > 0 && seen <= 9;
}

static bool offset(const char **at, int *minutes)
{
    *minutes = 0;
    if (literal(at, 'Z') || literal(at, 'z'))
        return true;
    int sign = **at == '-' ? -1 : 1;
    if (**at != '+' && **at != '-')
        return false;
    (*at)++;
    int hours = 0;
    int mins = 0;
    if (!digits(at, 2, &hours) || !literal(at, ':') || !digits(at, 2, &mins) || hours > 23 || mins > 59)
        return false;
    *minutes = sign * (hours * 60 + mins);
    return true;
}

static int days_in(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

bool clock_parse(const char *text, int64_t *wall_ms)
{
    int year = 0;
    int month = 0;
    int day = 0;
    int hour = 0;
    int minute = 0;
    int second = 0;
    int ms = 0;
    int away = 0;
    const char *at = text;
    if (!digits(&at, 4, &year) || !literal(&at, '-') || !digits(&at, 2, &month) || !literal(&at, '-') ||
        !digits(&at, 2, &day) || !(literal(&at, 'T') || literal(&at, 't')))
        return false;
    if (!digits(&at, 2, &hour) || !literal(&at, ':') || !digits(&at, 2, &minute) || !literal(&at, ':') ||
        !digits(&at, 2, &second) || !fraction(&at, &ms) || !offset(&at, &away) || *at != '\0')
        return false;
    if (month < 1 || month > 12 || day < 1 || day > days_in(year, month) || hour > 23 || minute > 59 ||
        second > 60)
        return false;
    if (second == 60 && (hour != 23 || minute != 59 || away != 0)) /* a leap second ends a day of UTC */
        return false;
    *wall_ms = ((days_of(year, month, day) * 24 + hour) * 60 + minute - away) * 60000 + second * 1000 + ms;
    return true;
}
