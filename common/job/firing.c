/* SPDX-License-Identifier: Apache-2.0 */
#include "common/job/firing.h"

#include "common/job/cron.h"

#include <stddef.h>

bool firing_is_due(const struct firing_facts *facts)
{
    return facts->missed == FIRING_ONCE || facts->now_ms - facts->meant_ms <= FIRING_MISSED_MS;
}

enum err_code firing_next(const struct firing_facts *facts, int64_t *next_ms, struct err *err)
{
    struct cron cron;
    if (facts->cron == NULL)
    {
        const int64_t step_ms = facts->every_s * 1000;
        const int64_t late_ms = facts->now_ms - facts->meant_ms;
        *next_ms = facts->meant_ms + (late_ms < 0 ? 0 : late_ms / step_ms + 1) * step_ms;
        return E_OK;
    }
    if (cron_parse(facts->cron, &cron, err) != E_OK)
        return err->code;
    const int64_t next = cron_next(&cron, facts->now_ms);
    if (next == CRON_NEVER)
        return fail(err, E_INVALID, "the cron expression never matches");
    *next_ms = next;
    return E_OK;
}
