/* SPDX-License-Identifier: Apache-2.0 */
#include "workers/runtime/adopt.h"

static const struct adopt_plan away = {.step = ADOPT_NAK, .delay_ms = NAK_AWAY_MS};
static const struct adopt_plan poison = {.step = ADOPT_DEAD_LETTER, .reason = "poison"};

static struct adopt_plan plan_read(const struct adopt_facts *facts)
{
    if (facts->code == E_OK)
        return (struct adopt_plan){.step = ADOPT_LOOK};
    if (facts->code != E_INVALID)
        return away;
    if (facts->deliveries >= POISON_DELIVERIES)
        return poison;
    return (struct adopt_plan){.step = ADOPT_NAK, .delay_ms = NAK_POISON_MS, .reason = poison.reason};
}

static struct adopt_plan plan_unknown(const struct adopt_facts *facts)
{
    if (facts->age_ms > facts->retention_ms)
        return (struct adopt_plan){.step = ADOPT_DEAD_LETTER, .reason = "expired"};
    /* Accepting decides about keys. */
    return (struct adopt_plan){.step = facts->due_in_ms > 0 || facts->keyed ? ADOPT_ACCEPT : ADOPT_ADOPT};
}

/* A conflict: the job is there, or its unique key is taken. */
static struct adopt_plan plan_refused(enum err_code code)
{
    switch (code)
    {
    case E_CONFLICT:
        return (struct adopt_plan){.step = ADOPT_ACK};
    case E_NOT_FOUND:
        return (struct adopt_plan){.step = ADOPT_DROP};
    case E_INVALID:
        return poison;
    default:
        return away;
    }
}

struct adopt_plan adopt_plan(const struct adopt_facts *facts)
{
    if (facts->done == ADOPT_READ)
        return plan_read(facts);
    if (facts->done == ADOPT_DEAD_LETTER && facts->code != E_OK)
        return away;
    if (facts->code != E_OK)
        return plan_refused(facts->code);
    if (facts->done == ADOPT_LOOK)
        return plan_unknown(facts);
    if (facts->done == ADOPT_ADOPT)
        return (struct adopt_plan){.step = facts->adopted ? ADOPT_RUN : ADOPT_ACCEPT};
    return (struct adopt_plan){.step = ADOPT_ACK};
}
