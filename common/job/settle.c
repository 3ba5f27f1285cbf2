/* SPDX-License-Identifier: Apache-2.0 */
#include "common/job/settle.h"

#include <stddef.h>

/* Waits before the second, third and fourth attempt. */
static const int64_t waits_ms[] = {2000, 4000, 8000};

static int64_t jitter(int64_t wait_ms, uint32_t random)
{
    int64_t span = wait_ms / 5; /* 10 % to each side */
    return wait_ms - span / 2 + (int64_t)random * span / UINT32_MAX;
}

static struct settle_verdict retry(unsigned retry_after_s, int attempts, uint32_t random)
{
    size_t step = attempts > 0 ? (size_t)attempts - 1 : 0;
    const size_t last = sizeof waits_ms / sizeof waits_ms[0] - 1;
    int64_t delay_ms = jitter(waits_ms[step < last ? step : last], random);
    if (retry_after_s > JOB_RETRY_AFTER_MAX_S)
        retry_after_s = JOB_RETRY_AFTER_MAX_S;
    if ((int64_t)retry_after_s * 1000 > delay_ms)
        delay_ms = (int64_t)retry_after_s * 1000;
    return (struct settle_verdict){.move = JOB_RETRY, .delay_ms = delay_ms, .outcome = "retried"};
}

struct settle_verdict settle(enum err_code code, unsigned retry_after_s, int attempts, uint32_t random)
{
    switch (err_job(code))
    {
    case ERR_JOB_DONE:
        return (struct settle_verdict){.move = JOB_FINISH, .outcome = "completed"};
    case ERR_JOB_RETRY:
        if (attempts < JOB_MAX_ATTEMPTS)
            return retry(retry_after_s, attempts, random);
        return (struct settle_verdict){.move = JOB_GIVE_UP, .reason = "exhausted", .outcome = "failed"};
    case ERR_JOB_HAND_BACK:
        return (struct settle_verdict){.move = JOB_HAND_BACK, .outcome = "handed_back"};
    case ERR_JOB_WAIT:
        return (struct settle_verdict){
            .move = JOB_HAND_BACK, .delay_ms = (int64_t)retry_after_s * 1000, .outcome = "waiting"};
    case ERR_JOB_DROP:
        return (struct settle_verdict){.move = JOB_MOVES, .outcome = "lost"};
    case ERR_JOB_GIVE_UP:
        break;
    }
    return (struct settle_verdict){.move = JOB_FAIL, .reason = err_reason(code), .outcome = "failed"};
}

struct settle_verdict settle_dead(enum settle_isolation isolation, int attempts)
{
    if (isolation == SETTLE_ISOLATED && attempts >= JOB_MAX_ATTEMPTS)
        return (struct settle_verdict){.move = JOB_GIVE_UP, .reason = "exhausted", .outcome = "failed"};
    return (struct settle_verdict){.move = JOB_TAKE_BACK, .outcome = "taken_back"};
}

enum settle_isolation settle_blames(const struct settle_loss *loss)
{
    return loss->shared && !loss->quarantined ? SETTLE_SHARED : SETTLE_ISOLATED;
}

struct settle_verdict settle_lost(const struct settle_loss *loss)
{
    return settle_dead(settle_blames(loss), loss->attempts);
}
