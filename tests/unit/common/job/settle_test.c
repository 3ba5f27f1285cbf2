/* SPDX-License-Identifier: Apache-2.0 */
#include "common/job/settle.h"

#include "tests/support/suite.h"

START_TEST(settle__finishes_what_succeeded)
{
    struct settle_verdict verdict = settle(E_OK, 0, 1, 0);
    ck_assert_int_eq(verdict.move, JOB_FINISH);
    ck_assert_str_eq(verdict.outcome, "completed");
    ck_assert_ptr_null(verdict.reason);
}
END_TEST

static const struct
{
    int attempts;
    int64_t wait_ms;
} waits[] = {{0, 2000}, {1, 2000}, {2, 4000}, {3, 8000}};

/* req: S112 */
START_TEST(settle__waits_2_4_and_8_seconds_give_or_take_a_tenth)
{
    int64_t wait_ms = waits[_i].wait_ms;
    int64_t least = settle(E_PROVIDER, 0, waits[_i].attempts, 0).delay_ms;
    int64_t most = settle(E_PROVIDER, 0, waits[_i].attempts, UINT32_MAX).delay_ms;
    ck_assert_int_eq(settle(E_PROVIDER, 0, waits[_i].attempts, 0).move, JOB_RETRY);
    ck_assert_int_eq(least, wait_ms - wait_ms / 10);
    ck_assert_int_eq(most, wait_ms + wait_ms / 10);
}
END_TEST

START_TEST(settle__hands_back_for_a_while_what_waits)
{
    struct settle_verdict verdict = settle(E_WAITING, 30, 4, 0);
    ck_assert_int_eq(verdict.move, JOB_HAND_BACK);
    ck_assert_int_eq(verdict.delay_ms, 30000);
    ck_assert_str_eq(verdict.outcome, "waiting");
    ck_assert_int_eq(settle(E_PAUSED, 0, 4, 0).delay_ms, 0);
}
END_TEST

/* part: S108 S113 */
START_TEST(settle__gives_up_after_the_third_retry)
{
    struct settle_verdict verdict = settle(E_PROVIDER, 0, 4, 0);
    ck_assert_int_eq(verdict.move, JOB_GIVE_UP);
    ck_assert_str_eq(verdict.reason, "exhausted");
}
END_TEST

/* req: S128 */
START_TEST(settle__waits_as_long_as_the_other_side_asks)
{
    ck_assert_int_eq(settle(E_TOO_MANY, 7, 1, 0).delay_ms, 7000);
    ck_assert_int_eq(settle(E_TOO_MANY, 1, 3, 0).delay_ms, 7200); /* never less than its own wait */
    ck_assert_int_eq(settle(E_TOO_MANY, 86400, 1, 0).delay_ms, 3600000);
}
END_TEST

START_TEST(settle__fails_for_good_without_a_dead_letter)
{
    static const enum err_code codes[] = {E_NOT_FOUND, E_DISK_FULL, E_REFUSED, E_INVALID, E_DEADLINE};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
    {
        struct settle_verdict verdict = settle(codes[i], 0, 1, 0);
        ck_assert_int_eq(verdict.move, JOB_FAIL);
        ck_assert_str_eq(verdict.reason, err_reason(codes[i]));
    }
}
END_TEST

START_TEST(settle__hands_back_what_is_not_the_jobs_fault)
{
    for (int attempts = 1; attempts <= JOB_MAX_ATTEMPTS; attempts++)
    {
        ck_assert_int_eq(settle(E_SHUTDOWN, 0, attempts, 0).move, JOB_HAND_BACK);
        ck_assert_int_eq(settle(E_DATABASE, 0, attempts, 0).move, JOB_HAND_BACK);
    }
}
END_TEST

START_TEST(settle__writes_nothing_for_a_job_that_was_lost)
{
    ck_assert_int_eq(settle(E_LOST, 0, 1, 0).move, JOB_MOVES);
}
END_TEST

static const struct
{
    enum settle_isolation isolation;
    int attempts;
    enum job_move move;
} dead_rows[] = {
    {SETTLE_ISOLATED, 1, JOB_TAKE_BACK}, {SETTLE_ISOLATED, 3, JOB_TAKE_BACK},
    {SETTLE_ISOLATED, 4, JOB_GIVE_UP},   {SETTLE_ISOLATED, 5, JOB_GIVE_UP},
    {SETTLE_SHARED, 1, JOB_TAKE_BACK},   {SETTLE_SHARED, 4, JOB_TAKE_BACK},
};

START_TEST(settle_dead__gives_up_an_isolated_job_at_its_last_attempt)
{
    const struct settle_verdict verdict = settle_dead(dead_rows[_i].isolation, dead_rows[_i].attempts);
    const bool gives_up = dead_rows[_i].move == JOB_GIVE_UP;
    ck_assert_int_eq(verdict.move, dead_rows[_i].move);
    ck_assert_str_eq(verdict.outcome, gives_up ? "failed" : "taken_back");
    ck_assert_str_eq(verdict.reason != NULL ? verdict.reason : "none", gives_up ? "exhausted" : "none");
}
END_TEST

static const struct
{
    struct settle_loss loss;
    enum settle_isolation blames;
    enum job_move move;
} loss_rows[] = {
    {{.attempts = 1}, SETTLE_ISOLATED, JOB_TAKE_BACK},
    {{.attempts = 4}, SETTLE_ISOLATED, JOB_GIVE_UP},
    {{.attempts = 1, .shared = true}, SETTLE_SHARED, JOB_TAKE_BACK},
    {{.attempts = 4, .shared = true}, SETTLE_SHARED, JOB_TAKE_BACK},
    {{.attempts = 1, .quarantined = true}, SETTLE_ISOLATED, JOB_TAKE_BACK},
    {{.attempts = 3, .shared = true, .quarantined = true}, SETTLE_ISOLATED, JOB_TAKE_BACK},
    {{.attempts = 4, .shared = true, .quarantined = true}, SETTLE_ISOLATED, JOB_GIVE_UP},
};

START_TEST(settle_lost__blames_a_job_that_was_isolated_or_in_quarantine)
{
    ck_assert_int_eq(settle_blames(&loss_rows[_i].loss), loss_rows[_i].blames);
    ck_assert_int_eq(settle_lost(&loss_rows[_i].loss).move, loss_rows[_i].move);
}
END_TEST

int main(void)
{
    const struct suite_case cases[] = {
        {settle__finishes_what_succeeded, 1},
        {settle__hands_back_for_a_while_what_waits, 1},
        {settle__waits_2_4_and_8_seconds_give_or_take_a_tenth, 4},
        {settle__gives_up_after_the_third_retry, 1},
        {settle__waits_as_long_as_the_other_side_asks, 1},
        {settle__fails_for_good_without_a_dead_letter, 1},
        {settle__hands_back_what_is_not_the_jobs_fault, 1},
        {settle__writes_nothing_for_a_job_that_was_lost, 1},
        {settle_dead__gives_up_an_isolated_job_at_its_last_attempt, sizeof dead_rows / sizeof dead_rows[0]},
        {settle_lost__blames_a_job_that_was_isolated_or_in_quarantine,
         sizeof loss_rows / sizeof loss_rows[0]},
    };
    return suite_run("settle", cases, sizeof cases / sizeof cases[0]);
}
