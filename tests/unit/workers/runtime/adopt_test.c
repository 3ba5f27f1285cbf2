/* SPDX-License-Identifier: Apache-2.0 */
#include "workers/runtime/adopt.h"

#include "tests/support/suite.h"

enum
{
    RETENTION_MS = 1000
};

#define AWAY .step = ADOPT_NAK, .delay_ms = 2000
#define REFUSED .step = ADOPT_NAK, .delay_ms = 500, .reason = "poison"
#define POISON .step = ADOPT_DEAD_LETTER, .reason = "poison"
#define EXPIRED .step = ADOPT_DEAD_LETTER, .reason = "expired"

/* Of an envelope that may run at once and was delivered once; each row says where it differs. */
static const struct
{
    const char *rule;
    struct adopt_facts facts;
    struct adopt_plan plan;
} rows[] = {
    /* Reading. */
    {"an envelope names a job, which may be claimed", {.done = ADOPT_READ}, {.step = ADOPT_LOOK}},
    {"whatever its age, its row decides first",
     {.done = ADOPT_READ, .age_ms = RETENTION_MS + 1},
     {.step = ADOPT_LOOK}},
    {"bytes that do not parse come again", {.done = ADOPT_READ, .code = E_INVALID}, {REFUSED}},
    {"... three times", {.done = ADOPT_READ, .code = E_INVALID, .deliveries = 3}, {REFUSED}},
    {"... and are dead at their fourth delivery",
     {.done = ADOPT_READ, .code = E_INVALID, .deliveries = 4},
     {POISON}},
    {"... or later", {.done = ADOPT_READ, .code = E_INVALID, .deliveries = 40}, {POISON}},
    {"without memory to read it nobody is to blame",
     {.done = ADOPT_READ, .code = E_NO_MEMORY, .deliveries = 9},
     {AWAY}},
    /* No row. */
    {"an unknown envelope is adopted", {.done = ADOPT_LOOK}, {.step = ADOPT_ADOPT}},
    {"... however often it was delivered", {.done = ADOPT_LOOK, .deliveries = 9}, {.step = ADOPT_ADOPT}},
    {"... as long as it is not too old", {.done = ADOPT_LOOK, .age_ms = RETENTION_MS}, {.step = ADOPT_ADOPT}},
    {"one older than jobs are kept is dead", {.done = ADOPT_LOOK, .age_ms = RETENTION_MS + 1}, {EXPIRED}},
    {"... also when it is delayed",
     {.done = ADOPT_LOOK, .age_ms = RETENTION_MS + 1, .due_in_ms = 1},
     {EXPIRED}},
    {"... or has a key", {.done = ADOPT_LOOK, .age_ms = RETENTION_MS + 1, .keyed = true}, {EXPIRED}},
    {"one whose time has come is adopted", {.done = ADOPT_LOOK, .due_in_ms = 0}, {.step = ADOPT_ADOPT}},
    {"one whose time lies ahead is accepted", {.done = ADOPT_LOOK, .due_in_ms = 1}, {.step = ADOPT_ACCEPT}},
    {"accepting decides about unique keys", {.done = ADOPT_LOOK, .keyed = true}, {.step = ADOPT_ACCEPT}},
    /* Adopting. */
    {"what was adopted runs", {.done = ADOPT_ADOPT, .adopted = true}, {.step = ADOPT_RUN}},
    {"what could not be, for its kind has a limit, is accepted",
     {.done = ADOPT_ADOPT},
     {.step = ADOPT_ACCEPT}},
    {"an unknown user's job is dropped", {.done = ADOPT_ADOPT, .code = E_NOT_FOUND}, {.step = ADOPT_DROP}},
    {"somebody was faster", {.done = ADOPT_ADOPT, .code = E_CONFLICT}, {.step = ADOPT_ACK}},
    {"what the database does not take is poison", {.done = ADOPT_ADOPT, .code = E_INVALID}, {POISON}},
    {"the database went away", {.done = ADOPT_ADOPT, .code = E_DATABASE}, {AWAY}},
    {"... or is slow", {.done = ADOPT_ADOPT, .code = E_TIMEOUT}, {AWAY}},
    /* Accepting. */
    {"what was accepted has a wake-up of its own", {.done = ADOPT_ACCEPT}, {.step = ADOPT_ACK}},
    {"the job is there, or its key is taken",
     {.done = ADOPT_ACCEPT, .code = E_CONFLICT},
     {.step = ADOPT_ACK}},
    {"an unknown user's job is dropped here too",
     {.done = ADOPT_ACCEPT, .code = E_NOT_FOUND},
     {.step = ADOPT_DROP}},
    {"what cannot be accepted is poison", {.done = ADOPT_ACCEPT, .code = E_INVALID}, {POISON}},
    {"it comes again when it could not be accepted", {.done = ADOPT_ACCEPT, .code = E_DATABASE}, {AWAY}},
    {"... nor for want of memory", {.done = ADOPT_ACCEPT, .code = E_NO_MEMORY}, {AWAY}},
    /* Dead letters. */
    {"a dead letter was written", {.done = ADOPT_DEAD_LETTER, .deliveries = 4}, {.step = ADOPT_ACK}},
    {"none is lost while it could not be", {.done = ADOPT_DEAD_LETTER, .code = E_DATABASE}, {AWAY}},
    {"... whatever the database has against it", {.done = ADOPT_DEAD_LETTER, .code = E_INVALID}, {AWAY}},
    {"... also when that looks like an answer", {.done = ADOPT_DEAD_LETTER, .code = E_NOT_FOUND}, {AWAY}},
    {"... of any kind", {.done = ADOPT_DEAD_LETTER, .code = E_CONFLICT}, {AWAY}},
};

START_TEST(adopt__follows_its_rules)
{
    struct adopt_facts facts = rows[_i].facts;
    facts.retention_ms = RETENTION_MS;
    if (facts.deliveries == 0)
        facts.deliveries = 1;
    const struct adopt_plan plan = adopt_plan(&facts);
    ck_assert_msg(plan.step == rows[_i].plan.step, "%s: step %d", rows[_i].rule, (int)plan.step);
    ck_assert_msg(plan.delay_ms == rows[_i].plan.delay_ms, "%s: %lld ms", rows[_i].rule,
                  (long long)plan.delay_ms);
    ck_assert_pstr_eq(plan.reason, rows[_i].plan.reason);
}
END_TEST

/* Whatever each step answers, a message meets an end after few of them. */
START_TEST(adopt__always_ends)
{
    for (unsigned seed = 0; seed < 100000; seed++)
    {
        unsigned dice = seed;
        struct adopt_facts facts = {.done = ADOPT_READ, .retention_ms = RETENTION_MS};
        facts.deliveries = 1 + seed % 5;
        facts.due_in_ms = seed % 2;
        facts.keyed = seed % 3 == 0;
        int steps = 0;
        for (; facts.done < ADOPT_STEPS; steps++)
        {
            static const enum err_code answers[] = {E_OK,      E_OK,       E_CONFLICT, E_NOT_FOUND,
                                                    E_INVALID, E_DATABASE, E_NO_MEMORY};
            dice = dice * 1103515245U + 12345U;
            facts.code = answers[(dice >> 16) % (sizeof answers / sizeof answers[0])];
            facts.adopted = (dice >> 8) % 2 == 0;
            if (facts.done == ADOPT_LOOK) /* it did not fail, or we would not be here */
                facts.code = E_OK;
            facts.done = adopt_plan(&facts).step;
        }
        ck_assert_int_le(steps, 5);
    }
}
END_TEST

int main(void)
{
    const struct suite_case cases[] = {{adopt__follows_its_rules, (int)(sizeof rows / sizeof rows[0])},
                                       {adopt__always_ends, 1}};
    return suite_run("adopt", cases, sizeof cases / sizeof cases[0]);
}
