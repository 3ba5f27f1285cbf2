/* SPDX-License-Identifier: Apache-2.0 */
#include "common/outbox/plan.h"

static int64_t least_of(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* ---- what follows from the facts ---------------------------------------------------------------- */

static int64_t full_since(const struct relay_facts *facts)
{
    if (facts->free_slots != 0)
        return 0;
    return facts->state.full_since_ms != 0 ? facts->state.full_since_ms : facts->now_ms;
}

static int64_t doubt_until(const struct relay_facts *facts)
{
    const bool lost = facts->broker != BROKER_WELL && facts->state.proven;
    return lost ? facts->now_ms + RELAY_DOUBT_MS : facts->state.doubt_until_ms;
}

static bool was_lost(const struct relay_facts *facts)
{
    return facts->now_ms < doubt_until(facts);
}

/* Then the local worker goes first, and takes few as well as many: nobody waits for a broker whom a worker
 * can help. */
static bool is_doubted(const struct relay_facts *facts)
{
    return facts->broker != BROKER_WELL || was_lost(facts);
}

/* It has not just been asked in vain. */
static bool may_claim(const struct relay_facts *facts)
{
    return facts->free_slots > 0 && facts->state.claimed != 0;
}

/* A worker that is full but fast: its rows wait for it. */
static bool is_patient(const struct relay_facts *facts)
{
    return facts->free_slots == 0 && facts->now_ms - full_since(facts) < RELAY_PATIENCE_MS;
}

/* While the local worker is served, or waited for, what others may want has its turn now and then. */
static bool is_brokers_turn(const struct relay_facts *facts)
{
    return facts->now_ms - facts->state.past_ms >= RELAY_LOOK_MS;
}

static bool is_fourth_turn(const struct relay_facts *facts)
{
    return facts->state.turn % 4 == 3;
}

/* ---- the steps ------------------------------------------------------------------------------------ */

static struct relay_plan wait(const struct relay_facts *facts)
{
    const bool more = facts->just_committed && facts->broker != BROKER_AWAY && !facts->state.failed;
    const int64_t wait_ms = full_since(facts) != 0 ? RELAY_SLOT_MS : RELAY_LOOK_MS;
    return (struct relay_plan){.step = RELAY_WAIT,
                               .deaf_ms = facts->state.failed ? RELAY_AWAY_MS : 0,
                               .wait_ms = more ? 0 : wait_ms};
}

static struct relay_plan claim(const struct relay_facts *facts)
{
    const int64_t max = least_of(facts->free_slots, RELAY_CLAIM_MAX);
    return (struct relay_plan){.step = RELAY_CLAIM,
                               .max = max,
                               .max_first = is_fourth_turn(facts) ? (max + 1) / 2 : max,
                               .least = is_doubted(facts) ? 0 : RELAY_FEW};
}

/* What several jobs share is for the next claim of a worker that has free slots; rows that came a moment
 * after a claim in vain are, too. */
static int64_t shared_age(const struct relay_facts *facts)
{
    if (facts->free_slots <= 0)
        return 0;
    return facts->state.claimed > 0 ? RELAY_NEVER_MS : RELAY_AGE_MS;
}

static struct relay_plan take(const struct relay_facts *facts)
{
    const bool has_slots = facts->free_slots > 0;
    const bool served = has_slots && facts->state.claimed > 0;
    const int64_t max = has_slots && !facts->state.more ? RELAY_FEW + 1 : RELAY_BATCH;
    return (struct relay_plan){.step = RELAY_TAKE,
                               .max = max,
                               .max_first = is_fourth_turn(facts) ? 0 : max,
                               .shared_age_ms = shared_age(facts),
                               .spares_local = is_patient(facts),
                               .is_look_past = served || is_patient(facts)};
}

static struct relay_plan read_table(const struct relay_facts *facts)
{
    if (is_patient(facts))
        return is_brokers_turn(facts) ? take(facts) : wait(facts);
    if (!may_claim(facts))
        return take(facts);
    const bool served = facts->state.claimed > 0;
    return served && is_brokers_turn(facts) ? take(facts) : claim(facts);
}

static struct relay_plan step_of(const struct relay_facts *facts)
{
    const struct relay_state *state = &facts->state;
    if (is_doubted(facts) && may_claim(facts))
        return claim(facts);
    if (facts->broker == BROKER_AWAY || state->failed)
        return wait(facts);
    if (facts->broker == BROKER_UNVERIFIED)
        return (struct relay_plan){.step = RELAY_VERIFY};
    if (facts->just_committed && !state->sent && !was_lost(facts))
        return (struct relay_plan){.step = RELAY_SEND};
    return state->reads && !state->over ? read_table(facts) : wait(facts);
}

struct relay_state relay_state_new(void)
{
    return (struct relay_state){
        .ages = {RELAY_LOCAL_AGE_MS, RELAY_AGE_MS}, .reads = true, .claimed = RELAY_UNASKED};
}

struct relay_plan relay_plan(const struct relay_facts *facts)
{
    struct relay_plan plan = step_of(facts);
    plan.forgets = facts->broker == BROKER_AWAY || facts->state.failed || was_lost(facts);
    plan.ages = facts->state.ages;
    if (was_lost(facts))
        plan.ages.others = RELAY_DOUBT_AGE_MS;
    return plan;
}

/* ---- what is so afterwards ------------------------------------------------------------------------- */

/* What this process committed is ours at once, and so is, if we were told of it, what our own worker can
 * take; the rest is somebody else's for a while.  What a full worker left stays as old as it was. */
static struct relay_ages ages_after(const struct relay_facts *facts, const struct relay_outcome *outcome)
{
    const struct relay_ages *before = &facts->state.ages;
    if (outcome->own || outcome->leaving)
        return (struct relay_ages){0, 0};
    struct relay_ages ages = {.local = outcome->notified ? 0 : RELAY_LOCAL_AGE_MS, .others = RELAY_AGE_MS};
    if (facts->free_slots == 0)
        ages =
            (struct relay_ages){least_of(ages.local, before->local), least_of(ages.others, before->others)};
    return ages;
}

/* A wake for nothing but rows in memory is no reason to read the table, unless that is due. */
static void begin_look(struct relay_state *state, const struct relay_facts *facts,
                       const struct relay_outcome *outcome)
{
    state->ages = ages_after(facts, outcome);
    state->reads = outcome->own || outcome->notified || outcome->leaving || !outcome->woken ||
                   facts->free_slots != RELAY_NO_WORKER || outcome->now_ms - state->read_ms >= RELAY_LOOK_MS;
    state->sent = false;
    state->over = false;
    state->more = false;
    state->failed = false;
    state->leaving = outcome->leaving;
    state->claimed = RELAY_UNASKED;
}

static void after_take(struct relay_state *state, const struct relay_facts *facts,
                       const struct relay_plan *plan, const struct relay_outcome *outcome)
{
    state->failed = outcome->refused;
    state->more = outcome->count >= plan->max;
    state->over = !plan->is_look_past && plan->max_first > 0 && !state->more;
    if (state->more && !plan->is_look_past) /* the local worker is asked again: these may be its own */
        state->claimed = RELAY_UNASKED;
    if (plan->is_look_past)
        state->past_ms = facts->now_ms;
}

struct relay_state relay_after(const struct relay_facts *facts, const struct relay_plan *plan,
                               const struct relay_outcome *outcome)
{
    struct relay_state state = facts->state;
    state.full_since_ms = full_since(facts);
    state.doubt_until_ms = doubt_until(facts);
    state.proven = state.proven || facts->broker == BROKER_WELL;
    if (plan->step == RELAY_WAIT)
        begin_look(&state, facts, outcome);
    if (plan->step == RELAY_VERIFY)
        state.failed = outcome->refused;
    if (plan->step == RELAY_SEND)
    {
        state.failed = outcome->refused;
        state.sent = true;
    }
    if (plan->step == RELAY_CLAIM)
    {
        state.claimed = outcome->count;
        state.more = state.more && outcome->count == 0;
    }
    if (plan->step == RELAY_TAKE)
        after_take(&state, facts, plan, outcome);
    if (plan->step == RELAY_CLAIM || plan->step == RELAY_TAKE)
    {
        state.sent = false;
        state.turn++;
        state.read_ms = facts->now_ms;
    }
    return state;
}
