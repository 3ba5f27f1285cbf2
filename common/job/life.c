/* SPDX-License-Identifier: Apache-2.0 */
#include "common/job/life.h"

#include <stddef.h>
#include <string.h>

static const struct life_effects nothing = {0};

/* The one way to change a status: by a lawful move. */
static bool move(struct life *life, enum job_move how)
{
    enum job_status to = JOB_NOTHING;
    if (!job_move_to(life->status, how, &to))
        return false;
    life->status = to;
    life->reason = NULL;
    life->place = LIFE_NO_PLACE;
    return true;
}

/* Whatever makes a job claimable gives it a new wake-up. */
static struct life_effects wake(struct life *life, int64_t run_at_ms)
{
    life->epoch++;
    life->run_at_ms = run_at_ms;
    return (struct life_effects){.moved = true, .wake = true};
}

struct life_effects life_accept(struct life *life, int64_t now_ms, int64_t run_at_ms)
{
    if (!move(life, JOB_ACCEPT))
        return nothing;
    return wake(life, run_at_ms > now_ms ? run_at_ms : now_ms);
}

static void begin(struct life *life, int64_t tick, int64_t now_ms, int64_t lease_ms)
{
    life->attempts++;
    life->fence = tick > life->fence ? tick : life->fence + 1;
    life->lease_until_ms = now_ms + lease_ms;
}

struct life_effects life_claim(struct life *life, enum settle_isolation isolation, int64_t tick,
                               int64_t now_ms, int64_t lease_ms)
{
    bool due = life->run_at_ms <= now_ms;
    if (!due || (life->alone && isolation == SETTLE_SHARED) || !move(life, JOB_CLAIM))
        return nothing;
    begin(life, tick, now_ms, lease_ms);
    return (struct life_effects){.moved = true};
}

struct life_effects life_hand_off(struct life *life, int64_t tick, int64_t now_ms, int64_t lease_ms)
{
    if (!life_accept(life, now_ms, now_ms).moved)
        return nothing;
    return life_claim(life, SETTLE_SHARED, tick, now_ms, lease_ms);
}

struct life_effects life_wait(struct life *life, int64_t now_ms)
{
    if (life->status != JOB_PENDING || life->run_at_ms > now_ms)
        return nothing;
    life->place = LIFE_WAITS;
    return (struct life_effects){.moved = true};
}

struct life_effects life_call(struct life *life, int64_t now_ms)
{
    if (life->place != LIFE_WAITS || !move(life, JOB_WAKE))
        return nothing;
    life->place = LIFE_CALLED;
    return wake(life, now_ms);
}

struct life_effects life_adopt(struct life *life, int64_t tick, int64_t now_ms, int64_t lease_ms)
{
    if (!move(life, JOB_ADOPT))
        return nothing;
    life->epoch = 1;
    life->run_at_ms = now_ms;
    begin(life, tick, now_ms, lease_ms);
    return (struct life_effects){.moved = true};
}

static bool is_mine(const struct life *life, int64_t fence)
{
    return life->status == JOB_RUNNING && life->fence == fence;
}

static struct life_effects end_for_good(struct life *life, const struct settle_verdict *verdict)
{
    if (!move(life, verdict->move))
        return nothing;
    life->reason = verdict->reason;
    return (struct life_effects){.moved = true, .letter = verdict->move == JOB_GIVE_UP};
}

static struct life_effects again(struct life *life, enum job_move how, int64_t run_at_ms)
{
    if (!move(life, how))
        return nothing;
    return wake(life, run_at_ms);
}

static struct life_effects apply(struct life *life, const struct settle_verdict *verdict, int64_t now_ms)
{
    if (verdict->move == JOB_GIVE_UP || verdict->move == JOB_FAIL)
        return end_for_good(life, verdict);
    if (verdict->move != JOB_FINISH)
        return again(life, verdict->move, now_ms + verdict->delay_ms);
    if (!move(life, JOB_FINISH))
        return nothing;
    return (struct life_effects){.moved = true, .result = true};
}

struct life_effects life_settle(struct life *life, int64_t fence, enum err_code code, unsigned retry_after_s,
                                uint32_t random, int64_t now_ms)
{
    if (!is_mine(life, fence))
        return nothing;
    const struct settle_verdict verdict = settle(code, retry_after_s, life->attempts, random);
    if (verdict.move == JOB_MOVES) /* lost: nothing is written */
        return nothing;
    if (verdict.move == JOB_HAND_BACK)
        life->attempts--;
    return apply(life, &verdict, now_ms);
}

struct life_effects life_beat(struct life *life, int64_t fence, int64_t now_ms, int64_t lease_ms)
{
    if (!is_mine(life, fence))
        return nothing;
    life->lease_until_ms = now_ms + lease_ms;
    return (struct life_effects){.moved = true};
}

struct life_effects life_take_back(struct life *life, enum settle_isolation isolation, int64_t now_ms)
{
    if (life->status != JOB_RUNNING)
        return nothing;
    const struct settle_verdict verdict = settle_dead(isolation, life->attempts);
    if (isolation == SETTLE_SHARED)
    {
        life->attempts--;
        life->alone = true;
    }
    return apply(life, &verdict, now_ms);
}

struct life_effects life_cancel(struct life *life)
{
    const struct settle_verdict verdict = {.move = JOB_CANCEL, .reason = "cancelled"};
    return end_for_good(life, &verdict);
}

struct life_effects life_replay(struct life *life, bool letter_open, int64_t now_ms)
{
    if (!letter_open || !move(life, JOB_REPLAY))
        return nothing;
    life->attempts = 0;
    life->alone = false;
    struct life_effects effects = wake(life, now_ms);
    effects.closed = true;
    return effects;
}

struct life_effects life_sweep(struct life *life, int64_t now_ms)
{
    enum life_place place = life->place;
    if (life->run_at_ms > now_ms || place == LIFE_WAITS || !move(life, JOB_WAKE))
        return nothing;
    life->place = place;
    return wake(life, life->run_at_ms);
}
