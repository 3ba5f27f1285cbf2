/* SPDX-License-Identifier: Apache-2.0 */
/* What healing decides, row by row: each row fails when its part of the rule is turned round. */
#include "common/healing/rules.h"

#include "tests/support/suite.h"

#define ROWS(table) (int)(sizeof(table) / sizeof(table)[0])

/* ---- which tasks a round runs --------------------------------------------------------------- */

enum
{
    NOW = 1000000
};

static const struct
{
    enum task_who who;
    enum task_needs needs;
    bool has_turn;
    bool nats_up;
    int64_t in_ms; /* when it is due */
    enum task_verdict verdict;
} task_rows[] = {
    {TASK_OF_HOLDER, TASK_NEEDS_DATABASE, true, true, 0, TASK_RUNS},
    {TASK_OF_HOLDER, TASK_NEEDS_DATABASE, true, true, -1, TASK_RUNS},
    {TASK_OF_HOLDER, TASK_NEEDS_DATABASE, true, true, 1, TASK_WAITS},
    {TASK_OF_HOLDER, TASK_NEEDS_DATABASE, false, true, 0, TASK_LEFT_OUT},
    {TASK_OF_HOLDER, TASK_NEEDS_DATABASE, true, false, 0, TASK_RUNS},
    {TASK_OF_HOLDER, TASK_NEEDS_NATS, true, false, 0, TASK_LEFT_OUT},
    {TASK_OF_HOLDER, TASK_NEEDS_NATS, true, true, 0, TASK_RUNS},
    {TASK_OF_HOLDER, TASK_NEEDS_NATS, false, true, 0, TASK_LEFT_OUT},
    {TASK_OF_OTHERS, TASK_NEEDS_DATABASE, true, true, 0, TASK_LEFT_OUT},
    {TASK_OF_OTHERS, TASK_NEEDS_DATABASE, false, true, 0, TASK_RUNS},
    {TASK_OF_OTHERS, TASK_NEEDS_DATABASE, false, true, 1, TASK_WAITS},
    {TASK_OF_ALL, TASK_NEEDS_DATABASE, true, true, 0, TASK_RUNS},
    {TASK_OF_ALL, TASK_NEEDS_DATABASE, false, false, 0, TASK_RUNS},
    {TASK_OF_ALL, TASK_NEEDS_NATS, false, false, 0, TASK_LEFT_OUT},
};

START_TEST(task__runs_when_it_is_due_for_whom_it_is_meant)
{
    const struct task_facts facts = {.who = task_rows[_i].who,
                                     .needs = task_rows[_i].needs,
                                     .has_turn = task_rows[_i].has_turn,
                                     .nats_up = task_rows[_i].nats_up,
                                     .due_ms = NOW + task_rows[_i].in_ms,
                                     .now_ms = NOW};
    ck_assert_int_eq(task_decide(&facts), task_rows[_i].verdict);
}
END_TEST

/* ---- the scan ------------------------------------------------------------------------------- */

static const struct
{
    bool scanned;
    bool in_doubt;
    bool same_stream;
    enum scan_pace pace;
} pace_rows[] = {
    {true, false, true, SCAN_STEADY},     {true, false, false, SCAN_STEADY},
    {true, true, true, SCAN_FAST},        {true, true, false, SCAN_FAST_ANEW},
    {false, false, true, SCAN_FAST},      {false, false, false, SCAN_FAST_ANEW},
    {false, true, false, SCAN_FAST_ANEW}, {false, true, true, SCAN_FAST},
};

START_TEST(scan__is_fast_until_it_was_completed_for_this_stream)
{
    const struct scan_facts facts = {pace_rows[_i].scanned, pace_rows[_i].in_doubt,
                                     pace_rows[_i].same_stream};
    ck_assert_int_eq(scan_decide(&facts), pace_rows[_i].pace);
}
END_TEST

static const struct
{
    enum scan_pace pace;
    enum scan_end end;
    enum scan_next next;
} next_rows[] = {
    {SCAN_STEADY, SCAN_AMID, SCAN_NEXT_IN_TIME},    {SCAN_STEADY, SCAN_AT_END, SCAN_NEXT_IN_TIME},
    {SCAN_FAST, SCAN_AMID, SCAN_NEXT_AT_ONCE},      {SCAN_FAST, SCAN_AT_END, SCAN_COMPLETE},
    {SCAN_FAST_ANEW, SCAN_AMID, SCAN_NEXT_AT_ONCE}, {SCAN_FAST_ANEW, SCAN_AT_END, SCAN_COMPLETE},
};

START_TEST(scan__goes_on_at_once_while_it_is_fast_and_is_complete_at_the_end)
{
    ck_assert_int_eq(scan_after(next_rows[_i].pace, next_rows[_i].end), next_rows[_i].next);
}
END_TEST

/* ---- streams that look wrong ---------------------------------------------------------------- */

static const struct
{
    bool looks_wrong;
    int64_t at_ms;
    enum mend_verdict verdict;
} mend_rows[] = {
    {false, 0, MEND_NOTHING},       {true, 0, MEND_LATER},
    {false, NOW + 1, MEND_NOTHING}, {true, NOW + 1, MEND_NOTHING}, /* the time stays what it was */
    {false, NOW, MEND_NOW},         {true, NOW - 1, MEND_NOW},
};

START_TEST(mend__waits_for_the_server_to_finish_and_once)
{
    const struct mend_facts facts = {mend_rows[_i].looks_wrong, mend_rows[_i].at_ms, NOW};
    ck_assert_int_eq(mend_decide(&facts), mend_rows[_i].verdict);
}
END_TEST

/* ---- consumers ------------------------------------------------------------------------------ */

/* A stream whose first message is 100; a consumer that has been given all up to 109 and is done with 103. */
#define AT(...) {.delivered_seq = 109, .acked_seq = 103, .ack_pending = 6, .unsettled = 6, __VA_ARGS__}
#define DONE(...) {.delivered_seq = 99, .acked_seq = 99, __VA_ARGS__}
#define FIRST 100

static const struct consumer_row
{
    const char *what;
    struct consumer_facts facts;
    struct consumer_watch was;
    enum consumer_verdict verdict;
    struct consumer_watch watch;
} consumer_rows[] = {
    {"nothing to do", {.is = DONE(), .first_seq = 1}, {0, 0}, CONSUMER_GETS_ON, {0, 0}},
    {"and is watched no more", {.is = DONE(), .first_seq = 1}, {104, 1}, CONSUMER_GETS_ON, {0, 0}},
    {"a backlog, and nobody asks",
     {.is = DONE(.pending = 5), .first_seq = 1},
     {0, 0},
     CONSUMER_GETS_ON,
     {0, 0}},
    {"requests, and nothing to give",
     {.is = DONE(.waiting = 3), .first_seq = 1},
     {0, 0},
     CONSUMER_GETS_ON,
     {0, 0}},

    {"not done: seen for the first time",
     {.is = AT(), .first_seq = FIRST + 10},
     {0, 0},
     CONSUMER_WATCHED,
     {104, 0}},
    {"it has moved", {.is = AT(), .first_seq = FIRST + 10}, {103, 1}, CONSUMER_WATCHED, {104, 0}},
    {"the same place, once more",
     {.is = AT(), .first_seq = FIRST + 10},
     {104, 0},
     CONSUMER_WATCHED,
     {104, 1}},
    {"the same place, twice more", {.is = AT(), .first_seq = FIRST + 10}, {104, 1}, CONSUMER_STALLED, {0, 0}},
    {"its worker is busy",
     {.is = AT(), .first_seq = FIRST + 10, .busy = true},
     {104, 1},
     CONSUMER_WATCHED,
     {104, 0}},
    {"busy, but the stream is uneven",
     {.is = AT(), .first_seq = FIRST + 10, .uneven = true, .busy = true},
     {104, 1},
     CONSUMER_STALLED,
     {0, 0}},
    {"busy, but requests get nothing",
     {.is = AT(.pending = 2, .waiting = 1), .first_seq = FIRST + 10, .busy = true},
     {110, 1},
     CONSUMER_STALLED,
     {0, 0}},

    {"it gives nothing to who asks",
     {.is = DONE(.pending = 5, .waiting = 1), .first_seq = 1},
     {0, 0},
     CONSUMER_WATCHED,
     {100, 0}},
    {"and still not",
     {.is = DONE(.pending = 5, .waiting = 1), .first_seq = 1},
     {100, 1},
     CONSUMER_STALLED,
     {0, 0}},
    {"where it starves counts, not what is acknowledged",
     {.is = AT(.pending = 5, .waiting = 1), .first_seq = FIRST + 10},
     {104, 1},
     CONSUMER_WATCHED,
     {110, 0}},

    {"messages that it knows nothing of",
     {.is = DONE(), .first_seq = FIRST, .in_stream = 1, .uneven = true},
     {0, 0},
     CONSUMER_WATCHED,
     {100, 0}},
    {"and for long",
     {.is = DONE(), .first_seq = FIRST, .in_stream = 1, .uneven = true},
     {100, 1},
     CONSUMER_STALLED,
     {0, 0}},
    {"it knows of all of them",
     {.is = DONE(.pending = 2, .ack_pending = 1), .first_seq = FIRST, .in_stream = 3, .uneven = true},
     {100, 1},
     CONSUMER_GETS_ON,
     {0, 0}},
    {"it knows of all but one",
     {.is = DONE(.pending = 1, .ack_pending = 1), .first_seq = FIRST, .in_stream = 3, .uneven = true},
     {100, 0},
     CONSUMER_WATCHED,
     {100, 1}},

    {"what it acknowledged is still there",
     {.is = AT(), .first_seq = 103, .uneven = true},
     {104, 1},
     CONSUMER_KEEPS_ACKED,
     {0, 0}},
    {"what it acknowledged is gone",
     {.is = AT(), .first_seq = 104, .uneven = true},
     {104, 0},
     CONSUMER_WATCHED,
     {104, 1}},
    {"still there, but all add up: others come first",
     {.is = AT(), .first_seq = 103},
     {0, 0},
     CONSUMER_WATCHED,
     {104, 0}},
};

START_TEST(consumer__is_made_anew_only_when_it_stays_where_it_was_without_a_reason)
{
    const struct consumer_row *row = &consumer_rows[_i];
    const struct consumer_decision decision = consumer_decide(&row->facts, row->was);
    ck_assert_msg(decision.verdict == row->verdict, "%s: %d, not %d", row->what, decision.verdict,
                  row->verdict);
    ck_assert_msg(decision.watch.floor == row->watch.floor && decision.watch.again == row->watch.again,
                  "%s: watched at %lld, %d", row->what, (long long)decision.watch.floor,
                  decision.watch.again);
}
END_TEST

static const struct
{
    const char *subject;
    enum job_priority priority;
    bool takes;
} subject_rows[] = {
    {"sokoul.jobs.scout.noop", JOB_NORMAL, true},    {"sokoul.jobs.scout.noop", JOB_HIGH, false},
    {"sokoul.jobs.scout.noop.high", JOB_HIGH, true}, {"sokoul.jobs.scout.noop.high", JOB_NORMAL, false},
    {"sokoul.jobs.scout.noop.low", JOB_LOW, true},   {"sokoul.jobs.scout.high", JOB_NORMAL, true},
    {"sokoul.jobs.scout.high", JOB_HIGH, false},     {"sokoul.jobs.scout2.noop", JOB_NORMAL, false},
    {"sokoul.jobs.hunter.noop", JOB_NORMAL, false},  {"sokoul.jobs.sco.noop", JOB_NORMAL, false},
    {"sokoul.jobs.other.noop", JOB_NORMAL, false},   {"sokoul.jobs.scout.noop.other", JOB_NORMAL, true},
};

START_TEST(consumer__takes_the_subjects_of_its_worker_and_priority)
{
    ck_assert_int_eq(consumer_takes(subject_rows[_i].subject, "scout", subject_rows[_i].priority),
                     subject_rows[_i].takes);
}
END_TEST

int main(void)
{
    const struct suite_case cases[] = {
        {task__runs_when_it_is_due_for_whom_it_is_meant, ROWS(task_rows)},
        {scan__is_fast_until_it_was_completed_for_this_stream, ROWS(pace_rows)},
        {scan__goes_on_at_once_while_it_is_fast_and_is_complete_at_the_end, ROWS(next_rows)},
        {mend__waits_for_the_server_to_finish_and_once, ROWS(mend_rows)},
        {consumer__is_made_anew_only_when_it_stays_where_it_was_without_a_reason, ROWS(consumer_rows)},
        {consumer__takes_the_subjects_of_its_worker_and_priority, ROWS(subject_rows)},
    };
    return suite_run("healing_rules", cases, sizeof cases / sizeof cases[0]);
}
