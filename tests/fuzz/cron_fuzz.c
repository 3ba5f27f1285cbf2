/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as a cron expression: the next time is one that matches, and the first that does. */
#include "common/job/cron.h"
#include "tests/fuzz/text.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

enum
{
    MINUTE_MS = 60000,
    WALKED = 1500 /* minutes: a day and an hour */
};

static bool matches(const struct cron *cron, int64_t at_ms)
{
    const time_t at_s = (time_t)(at_ms / 1000);
    struct tm at;
    gmtime_r(&at_s, &at);
    const int values[CRON_FIELDS] = {at.tm_min, at.tm_hour, at.tm_mday, at.tm_mon + 1, at.tm_wday};
    bool has[CRON_FIELDS];
    for (int i = 0; i < CRON_FIELDS; i++)
        has[i] = (cron->bits[i] >> values[i] & 1) != 0;
    bool either = !cron->any_day && !cron->any_weekday;
    return has[0] && has[1] && has[3] && (either ? has[2] || has[4] : has[2] && has[4]);
}

static void check(const struct cron *cron, int64_t from_ms)
{
    static const uint64_t outside[CRON_FIELDS] = {~((UINT64_C(1) << 60) - 1), ~((UINT64_C(1) << 24) - 1),
                                                  ~((UINT64_C(1) << 32) - 2), ~((UINT64_C(1) << 13) - 2),
                                                  ~((UINT64_C(1) << 7) - 1)};
    const int64_t next_ms = cron_next(cron, from_ms);
    int64_t walked_ms = (from_ms / MINUTE_MS + 1) * MINUTE_MS;
    for (int i = 0; i < CRON_FIELDS; i++)
        if (cron->bits[i] == 0 || (cron->bits[i] & outside[i]) != 0)
            abort();
    for (int i = 0; i < WALKED && !matches(cron, walked_ms); i++)
        walked_ms += MINUTE_MS;
    if (next_ms == CRON_NEVER ? matches(cron, walked_ms) : !matches(cron, next_ms))
        abort();
    if (next_ms != CRON_NEVER && (next_ms <= from_ms || next_ms % MINUTE_MS != 0 ||
                                  (matches(cron, walked_ms) ? next_ms != walked_ms : next_ms < walked_ms) ||
                                  cron_next(cron, next_ms - 1) != next_ms))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const int64_t from_ms[] = {0, INT64_C(951782399999), INT64_C(1798761540000),
                                      INT64_C(4107542400000)};
    char *text = fuzz_text(bytes, len);
    struct cron cron;
    struct err err = ERR_INIT;
    if (cron_parse(text, &cron, &err) == E_OK)
        for (size_t i = 0; i < sizeof from_ms / sizeof from_ms[0]; i++)
            check(&cron, from_ms[i]);
    else if (err.text[0] == '\0')
        abort();
    free(text);
    return 0;
}
