/* SPDX-License-Identifier: Apache-2.0 */
#include "common/job/firing.h"

#include "tests/support/suite.h"

enum
{
    S = 1000,
    DAY = 86400 * S
};

static const struct
{
    enum firing_missed missed;
    int64_t late_ms;
    bool fires;
} due_rows[] = {
    {FIRING_ONCE, 0, true},      {FIRING_ONCE, 365LL * DAY, true}, {FIRING_SKIP, 0, true},
    {FIRING_SKIP, 60 * S, true}, {FIRING_SKIP, 60 * S + 1, false}, {FIRING_SKIP, 365LL * DAY, false},
};

START_TEST(firing__leaves_out_what_was_missed_only_when_told_to)
{
    const struct firing_facts facts = {
        .every_s = 1, .missed = due_rows[_i].missed, .meant_ms = DAY, .now_ms = DAY + due_rows[_i].late_ms};
    ck_assert_int_eq(firing_is_due(&facts), due_rows[_i].fires);
}
END_TEST

static const struct
{
    const char *cron;
    int64_t every_s;
    int64_t now_ms; /* meant for one day after 1970 began */
    int64_t next_ms;
} next_rows[] = {
    {NULL, 60, DAY, DAY + 60 * S},
    {NULL, 60, DAY + 1, DAY + 60 * S},
    {NULL, 60, DAY + 60 * S - 1, DAY + 60 * S},
    {NULL, 60, DAY + 60 * S, DAY + 120 * S},
    {NULL, 60, DAY + 3605 * S, DAY + 3660 * S}, /* on its grid, whatever was missed */
    {NULL, 60, DAY - 5 * S, DAY},               /* a clock that was set back fires nothing twice */
    {"* * * * *", 0, DAY, DAY + 60 * S},
    {"30 4 * * *", 0, DAY + 5 * 3600 * S, 2LL * DAY + (4 * 60 + 30) * 60 * S},
};

START_TEST(firing__goes_on_at_the_first_time_after_now)
{
    const struct firing_facts facts = {.cron = next_rows[_i].cron,
                                       .every_s = next_rows[_i].every_s,
                                       .meant_ms = DAY,
                                       .now_ms = next_rows[_i].now_ms};
    struct err err = ERR_INIT;
    int64_t next_ms = 0;
    ck_assert_int_eq(firing_next(&facts, &next_ms, &err), E_OK);
    ck_assert_int_eq(next_ms, next_rows[_i].next_ms);
}
END_TEST

static const char *const senseless[] = {"", "61 * * * *", "0 0 31 2 *"};

START_TEST(firing__refuses_what_makes_no_sense)
{
    const struct firing_facts facts = {.cron = senseless[_i], .now_ms = DAY};
    struct err err = ERR_INIT;
    int64_t next_ms = 7;
    ck_assert_int_eq(firing_next(&facts, &next_ms, &err), E_INVALID);
    ck_assert_int_eq(next_ms, 7);
}
END_TEST

int main(void)
{
    const struct suite_case cases[] = {
        {firing__leaves_out_what_was_missed_only_when_told_to, sizeof due_rows / sizeof due_rows[0]},
        {firing__goes_on_at_the_first_time_after_now, sizeof next_rows / sizeof next_rows[0]},
        {firing__refuses_what_makes_no_sense, sizeof senseless / sizeof senseless[0]},
    };
    return suite_run("firing", cases, sizeof cases / sizeof cases[0]);
}
