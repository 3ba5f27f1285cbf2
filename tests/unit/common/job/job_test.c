/* SPDX-License-Identifier: Apache-2.0 */
#include "common/job/job.h"

#include "tests/support/suite.h"

#include <stdlib.h>
#include <string.h>

/* req: S43 */
START_TEST(status__has_a_name_that_leads_back_to_it)
{
    for (int i = JOB_PENDING; i <= JOB_FAILED; i++)
    {
        enum job_status status = JOB_NOTHING;
        ck_assert(job_status_parse(job_status_name((enum job_status)i), &status));
        ck_assert_int_eq(status, i);
    }
}
END_TEST

START_TEST(status__refuses_other_words)
{
    static const char *const words[] = {"", "pending", "Done", "Running ", "RUNNING"};
    enum job_status status = JOB_NOTHING;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        ck_assert(!job_status_parse(words[i], &status));
    ck_assert_int_eq(status, JOB_NOTHING);
}
END_TEST

START_TEST(move__leaves_a_terminal_state_by_replay_alone)
{
    for (int move = 0; move < JOB_MOVES; move++)
    {
        enum job_status to = JOB_NOTHING;
        ck_assert(!job_move_to(JOB_COMPLETED, (enum job_move)move, &to));
        ck_assert_int_eq(job_move_to(JOB_FAILED, (enum job_move)move, &to), move == JOB_REPLAY);
    }
}
END_TEST

START_TEST(move__claims_only_what_is_pending)
{
    enum job_status to = JOB_NOTHING;
    ck_assert(job_move_to(JOB_PENDING, JOB_CLAIM, &to));
    ck_assert_int_eq(to, JOB_RUNNING);
    ck_assert(!job_move_to(JOB_RUNNING, JOB_CLAIM, &to));
    ck_assert(!job_move_to(JOB_NOTHING, JOB_CLAIM, &to));
}
END_TEST

START_TEST(move__cancels_only_pending_and_running)
{
    enum job_status to = JOB_NOTHING;
    ck_assert(job_move_to(JOB_PENDING, JOB_CANCEL, &to) && to == JOB_FAILED);
    ck_assert(job_move_to(JOB_RUNNING, JOB_CANCEL, &to) && to == JOB_FAILED);
    ck_assert(!job_move_to(JOB_COMPLETED, JOB_CANCEL, &to));
}
END_TEST

static const struct
{
    const char *worker;
    const char *kind;
    enum job_priority priority;
    const char *subject; /* NULL: refused */
} subjects[] = {
    {"scout", "search", JOB_NORMAL, "sokoul.jobs.scout.search"},
    {"hunter", "download", JOB_HIGH, "sokoul.jobs.hunter.download.high"},
    {"bot", "notify", JOB_LOW, "sokoul.jobs.bot.notify.low"},
    {"scout", "a.b", JOB_NORMAL, NULL},
    {"scout", "*", JOB_NORMAL, NULL},
    {"scout", ">", JOB_NORMAL, NULL},
    {"scout", "", JOB_NORMAL, NULL},
    {"scout", "a b", JOB_NORMAL, NULL},
    {"Scout", "noop", JOB_NORMAL, NULL},
    {"scout", "abcdefghijklmnopqrstuvwxyzabcdefg", JOB_NORMAL, NULL},
};

START_TEST(subject__names_worker_kind_and_priority)
{
    char subject[JOB_SUBJECT_SIZE] = "untouched";
    struct err err = ERR_INIT;
    enum err_code code =
        job_subject(subjects[_i].worker, subjects[_i].kind, subjects[_i].priority, subject, &err);
    ck_assert_int_eq(code, subjects[_i].subject != NULL ? E_OK : E_INVALID);
    ck_assert_str_eq(subject, subjects[_i].subject != NULL ? subjects[_i].subject : "untouched");
}
END_TEST

START_TEST(kind__has_a_worker_that_exists)
{
    static const char *const kinds[] = {"search", "releases", "notify", "download", "purge", "noop"};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        ck_assert(job_worker_known(job_worker_of(kinds[i])));
    ck_assert_str_eq(job_worker_of("noop"), "scout");
    ck_assert_ptr_null(job_worker_of("teleport"));
    ck_assert(!job_worker_known("nobody"));
}
END_TEST

static const struct
{
    const char *worker;
    const char *kind;
    bool runs;
} pairs[] = {
    {"scout", "noop", true},   {"hunter", "noop", true},  {"scout", "search", true},
    {"demo", "greet", true},   {"demo", "noop", false},   {"scout", "greet", false},
    {"De mo", "greet", false}, {"demo", "gr.eet", false}, {"demo", "greet-", false},
    {"", "greet", false},      {"demo", "", false},
};

START_TEST(worker__runs_the_kinds_of_its_own_house)
{
    ck_assert_int_eq(job_worker_runs(pairs[_i].worker, pairs[_i].kind), pairs[_i].runs);
}
END_TEST

int main(void)
{
    const struct suite_case cases[] = {
        {worker__runs_the_kinds_of_its_own_house, sizeof pairs / sizeof pairs[0]},
        {status__has_a_name_that_leads_back_to_it, 1},
        {status__refuses_other_words, 1},
        {move__leaves_a_terminal_state_by_replay_alone, 1},
        {move__claims_only_what_is_pending, 1},
        {move__cancels_only_pending_and_running, 1},
        {subject__names_worker_kind_and_priority, sizeof subjects / sizeof subjects[0]},
        {kind__has_a_worker_that_exists, 1},
    };
    return suite_run("job", cases, sizeof cases / sizeof cases[0]);
}
