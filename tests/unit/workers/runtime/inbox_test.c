/* SPDX-License-Identifier: Apache-2.0 */
#include "workers/runtime/inbox.h"

#include "tests/support/suite.h"

#include <string.h>

enum
{
    SLOTS = 4,
    MANY = 2000,
    NOW_MS = 50000
};

static struct inbox inbox;
static struct job_link links[MANY];
static size_t used;

static void begin(int slots)
{
    memset(links, 0, sizeof links);
    used = 0;
    inbox_init(&inbox, slots);
    inbox.open = true;
}

static struct job_link *fresh(char what)
{
    struct job_link *link = &links[used++];
    link->priority = what == 'h' ? JOB_HIGH : what == 'l' ? JOB_LOW : JOB_NORMAL;
    link->isolated = what == 'i';
    return link;
}

/* h, n, l: a message of that priority; i: of an isolated job. */
static void arrive(const char *what)
{
    for (; *what != '\0'; what++)
        inbox_add(&inbox, fresh(*what));
}

static void arrive_many(char what, int count)
{
    for (int i = 0; i < count; i++)
        inbox_add(&inbox, fresh(what));
}

static struct job_link *claim_at(char what, int64_t now_ms)
{
    struct job_link *link = fresh(what);
    inbox_claimed(&inbox, link, now_ms);
    return link;
}

static void claim_many(int count, int64_t now_ms)
{
    for (int i = 0; i < count; i++)
        claim_at('n', now_ms);
}

/* What is claimed together now, in its order. */
static const char *chosen_at(int64_t now_ms)
{
    static char text[MANY + 1];
    struct job_queue chosen = {.count = 0};
    const struct job_link *link = NULL;
    size_t n = 0;
    inbox_choose(&inbox, now_ms, &chosen);
    while ((link = job_queue_pop(&chosen)) != NULL)
        text[n++] = link->isolated               ? 'i'
                    : link->priority == JOB_HIGH ? 'h'
                    : link->priority == JOB_LOW  ? 'l'
                                                 : 'n';
    text[n] = '\0';
    return text;
}

/* ---- order ------------------------------------------------------------------------------------ */

START_TEST(queue__gives_out_in_the_order_of_arrival)
{
    struct job_queue first = {.count = 0};
    struct job_queue second = {.count = 0};
    begin(SLOTS);
    ck_assert_ptr_null(job_queue_pop(&first));
    for (int i = 0; i < 3; i++)
        job_queue_push(&first, &links[i]);
    job_queue_push(&second, &links[3]);
    job_queue_append(&second, &first);
    ck_assert_int_eq(first.count, 0);
    ck_assert_int_eq(second.count, 4);
    static const int order[] = {3, 0, 1, 2};
    for (int i = 0; i < 4; i++)
        ck_assert_ptr_eq(job_queue_pop(&second), &links[order[i]]);
    ck_assert_ptr_null(job_queue_pop(&second));
    job_queue_push(&second, &links[0]); /* it was emptied, and is usable */
    ck_assert_ptr_eq(job_queue_pop(&second), &links[0]);
}
END_TEST

static const struct
{
    const char *arrive;
    const char *chosen;
} orders[] = {
    {"", ""},
    {"lnh", "hnl"},
    {"nnhh", "hhnn"},
    {"lh", "hl"},
    /* The 4th, 8th and 12th choice are of the normal ones, the 16th of the low ones. */
    {"hhhhhhhhhhhhhhhhhhnnnnll", "hhhnhhhnhhhnhhhlhhhnhhhl"},
    {"hhhhll", "hhhhll"},                       /* nothing normal waits: the turn is high's */
    {"nnnnnnnnnnnnnnnnl", "nnnnnnnnnnnnnnnln"}, /* low has its turn before the last normal one */
    {"hhhhhhhhhhhhhhhhn", "hhhnhhhhhhhhhhhhh"},
};

START_TEST(choose__prefers_the_urgent_and_lets_none_starve)
{
    begin(INBOX_BATCH);
    arrive(orders[_i].arrive);
    ck_assert_str_eq(chosen_at(NOW_MS), orders[_i].chosen);
    ck_assert_int_eq(inbox_count(&inbox), 0);
}
END_TEST

START_TEST(choose__is_fair_over_many_batches)
{
    int low = 0;
    int normal = 0;
    begin(1);
    for (int i = 0; i < 320; i++)
    {
        arrive_many('h', 1);
        arrive_many('n', 1);
        arrive_many('l', 1);
        const char what = chosen_at(NOW_MS)[0];
        low += what == 'l';
        normal += what == 'n';
    }
    ck_assert_int_eq(low, 20);
    ck_assert_int_eq(normal, 60);
}
END_TEST

/* ---- limits ----------------------------------------------------------------------------------- */

static const struct
{
    int limit;
    int in_flight;
    int waiting;
    bool open;
    int chosen;
    int credit;
    int local;       /* with handlers idle */
    int local_ready; /* with claimed jobs that wait for a handler */
    bool full;
} limits[] = {
    {.limit = SLOTS, .in_flight = 0, .waiting = 0, .open = true, .chosen = 0, .credit = 4, .local = 4},
    {.limit = SLOTS, .in_flight = 1, .waiting = 2, .open = true, .chosen = 2, .credit = 1, .local = 1},
    {.limit = SLOTS, .in_flight = 1, .waiting = 5, .open = true, .chosen = 3, .credit = 0, .local = 0},
    {.limit = SLOTS, .in_flight = 4, .waiting = 1, .open = true, .chosen = 0, .credit = 0, .full = true},
    {.limit = SLOTS, .in_flight = 5, .waiting = 1, .open = true, .chosen = 0, .credit = 0, .full = true},
    {.limit = SLOTS, .in_flight = 0, .waiting = 2, .open = false, .chosen = 0, .credit = 0},
    /* Fast jobs: half a limit more lies ready, and slots are never said to be full. */
    {.limit = 100,
     .in_flight = 30,
     .waiting = 0,
     .open = true,
     .credit = 120,
     .local = 70,
     .local_ready = 70},
    {.limit = 100, .in_flight = 100, .waiting = 10, .open = true, .chosen = 0, .credit = 40},
    {.limit = 100, .in_flight = 100, .waiting = 50, .open = true, .chosen = 0, .credit = 0},
    {.limit = 100,
     .in_flight = 20,
     .waiting = 10,
     .open = true,
     .chosen = 10,
     .credit = 120,
     .local = 70,
     .local_ready = 70},
    /* While handlers have enough to do, fewer than 64 are not worth a transaction. */
    {.limit = 100, .in_flight = 36, .open = true, .credit = 114, .local = 64, .local_ready = 64},
    {.limit = 100, .in_flight = 37, .open = true, .credit = 113, .local = 63, .local_ready = 0},
    /* One claim takes 256 at most. */
    {.limit = 1024, .in_flight = 0, .waiting = 300, .open = true, .chosen = 256, .credit = 1236, .local = 0},
    {.limit = 1024,
     .in_flight = 0,
     .waiting = 0,
     .open = true,
     .credit = 1536,
     .local = 256,
     .local_ready = 256},
    {.limit = 1024, .in_flight = 1000, .waiting = 30, .open = true, .chosen = 24, .credit = 506},
};

START_TEST(limits__say_how_many_come_in)
{
    begin(SLOTS);
    inbox.limit = limits[_i].limit;
    inbox.open = limits[_i].open;
    claim_many(limits[_i].in_flight, 0);
    arrive_many('n', limits[_i].waiting);
    ck_assert_int_eq(inbox_count(&inbox), limits[_i].waiting);
    ck_assert_int_eq(inbox_credit(&inbox), limits[_i].credit);
    ck_assert_int_eq(inbox_is_full(&inbox), limits[_i].full);
    ck_assert_int_eq(inbox_claim_locally(&inbox, 1, NOW_MS), limits[_i].local_ready);
    ck_assert_int_eq(inbox.claiming_locally, limits[_i].local_ready > 0);
    ck_assert_int_eq(inbox_claim_locally(&inbox, 0, NOW_MS), limits[_i].local);
    ck_assert_int_eq(inbox.claiming_locally, limits[_i].local > 0);
    ck_assert_uint_eq(strlen(chosen_at(NOW_MS)), (size_t)limits[_i].chosen);
    ck_assert_int_eq(inbox_count(&inbox), limits[_i].waiting - limits[_i].chosen);
}
END_TEST

START_TEST(credit__counts_isolated_jobs_that_wait)
{
    begin(SLOTS);
    arrive("iihn");
    ck_assert_int_eq(inbox_credit(&inbox), 0);
    arrive("n");
    ck_assert_int_eq(inbox_credit(&inbox), 0); /* never below */
    begin(SLOTS);
    arrive("il");
    ck_assert_int_eq(inbox_credit(&inbox), 2);
}
END_TEST

static const struct
{
    int limit;
    int in_flight;
    int64_t took_ms;
    int after;
} speeds[] = {
    {SLOTS, SLOTS, INBOX_FAST_MS - 1, 2 * SLOTS},
    {SLOTS, SLOTS, INBOX_FAST_MS, SLOTS}, /* not fast */
    {SLOTS, SLOTS - 1, 0, SLOTS},         /* nothing waited for a slot */
    {600, 600, 0, INBOX_LIMIT_MAX},       /* no further */
    {INBOX_LIMIT_MAX, INBOX_LIMIT_MAX, 0, INBOX_LIMIT_MAX},
};

START_TEST(limit__grows_when_jobs_end_fast_and_slots_are_short)
{
    begin(SLOTS);
    inbox.limit = speeds[_i].limit;
    claim_many(speeds[_i].in_flight, NOW_MS);
    inbox_settled(&inbox, inbox.newest, NOW_MS + speeds[_i].took_ms);
    ck_assert_int_eq(inbox.limit, speeds[_i].after);
    ck_assert_int_eq(inbox.in_flight, speeds[_i].in_flight - 1);
}
END_TEST

static const struct
{
    int limit;
    int64_t waited_ms;
    int after;
} waits[] = {
    {64, INBOX_SLOW_MS + 1, 32}, {64, INBOX_SLOW_MS, 64},           {6, INBOX_SLOW_MS + 1, SLOTS},
    {9, INBOX_SLOW_MS + 1, 4},   {SLOTS, INBOX_SLOW_MS + 1, SLOTS},
};

START_TEST(limit__shrinks_to_the_slots_when_a_claimed_job_waits_for_a_handler)
{
    begin(SLOTS);
    inbox.limit = waits[_i].limit;
    const struct job_link *job = claim_at('n', NOW_MS);
    inbox_begun(&inbox, job, NOW_MS + waits[_i].waited_ms);
    ck_assert_int_eq(inbox.limit, waits[_i].after);
}
END_TEST

/* ---- isolated jobs ---------------------------------------------------------------------------- */

START_TEST(isolated__is_chosen_by_itself_and_before_all_others)
{
    begin(SLOTS);
    arrive("hnini");
    ck_assert_str_eq(chosen_at(NOW_MS), "i");
    ck_assert_int_eq(inbox_count(&inbox), 4);
}
END_TEST

static const struct
{
    int64_t claimed_ago_ms; /* of the only other job in flight; -1: none */
    int in_flight;          /* more, which are old */
    bool locally;
    const char *chosen;
} companies[] = {
    {.claimed_ago_ms = -1, .chosen = "i"},
    {.claimed_ago_ms = INBOX_QUARANTINE_MS, .chosen = "i"},
    {.claimed_ago_ms = INBOX_QUARANTINE_MS - 1, .chosen = ""},
    {.claimed_ago_ms = -1, .in_flight = SLOTS - 1, .chosen = "i"},
    {.claimed_ago_ms = -1, .in_flight = SLOTS, .chosen = ""},
    {.claimed_ago_ms = -1, .locally = true, .chosen = ""},
};

START_TEST(isolated__waits_until_nothing_in_flight_is_new)
{
    begin(SLOTS);
    claim_many(companies[_i].in_flight, 0);
    if (companies[_i].claimed_ago_ms >= 0)
        claim_at('n', NOW_MS - companies[_i].claimed_ago_ms);
    inbox.claiming_locally = companies[_i].locally;
    arrive("in");
    ck_assert_str_eq(chosen_at(NOW_MS), companies[_i].chosen);
    ck_assert_int_eq(inbox_claim_locally(&inbox, 0, NOW_MS) > 0,
                     companies[_i].chosen[0] == 'i' && companies[_i].in_flight < SLOTS - 1);
}
END_TEST

START_TEST(isolated__waits_for_the_newest_only_while_it_is_in_flight)
{
    begin(SLOTS);
    struct job_link *old = claim_at('n', NOW_MS - INBOX_QUARANTINE_MS);
    struct job_link *middle = claim_at('n', NOW_MS - 2);
    struct job_link *newest = claim_at('n', NOW_MS - 1);
    arrive("ii");
    ck_assert_str_eq(chosen_at(NOW_MS), "");
    inbox_settled(&inbox, newest, NOW_MS);
    ck_assert_str_eq(chosen_at(NOW_MS), ""); /* the middle one is as new */
    inbox_settled(&inbox, middle, NOW_MS);
    ck_assert_ptr_eq(inbox.newest, old);
    ck_assert_str_eq(chosen_at(NOW_MS), "i");
    inbox_settled(&inbox, old, NOW_MS);
    ck_assert_ptr_null(inbox.newest);
    ck_assert_int_eq(inbox.in_flight, 0);
}
END_TEST

START_TEST(in_flight__knows_the_newest_whichever_ends)
{
    begin(SLOTS);
    struct job_link *old = claim_at('n', NOW_MS);
    struct job_link *middle = claim_at('n', NOW_MS);
    struct job_link *newest = claim_at('n', NOW_MS);
    inbox_settled(&inbox, middle, NOW_MS);
    ck_assert_ptr_eq(inbox.newest, newest);
    ck_assert_ptr_eq(newest->older, old);
    inbox_settled(&inbox, old, NOW_MS);
    ck_assert_ptr_eq(inbox.newest, newest);
    ck_assert_ptr_null(newest->older);
    ck_assert_int_eq(inbox.in_flight, 1);
}
END_TEST

START_TEST(isolated__stands_in_the_way_of_local_claims)
{
    begin(SLOTS);
    ck_assert_int_eq(inbox_claim_locally(&inbox, 0, NOW_MS), SLOTS);
    arrive("i");
    ck_assert_int_eq(inbox_claim_locally(&inbox, 0, NOW_MS), 0);
    ck_assert(!inbox.claiming_locally);
}
END_TEST

START_TEST(quarantine__lets_nothing_in_until_it_is_over)
{
    begin(SLOTS);
    struct job_link *isolated = claim_at('i', NOW_MS);
    arrive("hni");
    ck_assert_str_eq(chosen_at(NOW_MS + INBOX_QUARANTINE_MS - 1), "");
    ck_assert_int_eq(inbox_claim_locally(&inbox, 0, NOW_MS + INBOX_QUARANTINE_MS - 1), 0);
    ck_assert_str_eq(chosen_at(NOW_MS + INBOX_QUARANTINE_MS), "i"); /* still in flight, and proven */
    ck_assert_str_eq(chosen_at(NOW_MS + INBOX_QUARANTINE_MS), "hn");
    inbox_settled(&inbox, isolated, NOW_MS + 2 * INBOX_QUARANTINE_MS);
    ck_assert_ptr_null(inbox.quarantined);
}
END_TEST

START_TEST(quarantine__ends_with_its_job)
{
    begin(SLOTS);
    struct job_link *isolated = claim_at('i', NOW_MS);
    struct job_link *other = claim_at('n', NOW_MS); /* it was given to us meanwhile */
    arrive("h");
    inbox_settled(&inbox, other, NOW_MS + 50);
    ck_assert_str_eq(chosen_at(NOW_MS + 51), "");
    inbox_settled(&inbox, isolated, NOW_MS + 52);
    ck_assert_str_eq(chosen_at(NOW_MS + 53), "h");
}
END_TEST

/* ---- giving up -------------------------------------------------------------------------------- */

START_TEST(give_up__leaves_isolated_jobs_and_empty_does_not)
{
    struct job_queue given_up = {.count = 0};
    begin(SLOTS);
    arrive("lihn");
    inbox_give_up(&inbox, &given_up);
    ck_assert_int_eq(given_up.count, 3);
    ck_assert_int_eq(inbox_count(&inbox), 1);
    arrive("hi");
    inbox_empty(&inbox, &given_up);
    ck_assert_int_eq(given_up.count, 6);
    ck_assert_int_eq(inbox_count(&inbox), 0);
}
END_TEST

#define ROWS(table) ((int)(sizeof(table) / sizeof(table)[0]))

int main(void)
{
    const struct suite_case cases[] = {
        {queue__gives_out_in_the_order_of_arrival, 1},
        {choose__prefers_the_urgent_and_lets_none_starve, ROWS(orders)},
        {choose__is_fair_over_many_batches, 1},
        {limits__say_how_many_come_in, ROWS(limits)},
        {credit__counts_isolated_jobs_that_wait, 1},
        {limit__grows_when_jobs_end_fast_and_slots_are_short, ROWS(speeds)},
        {limit__shrinks_to_the_slots_when_a_claimed_job_waits_for_a_handler, ROWS(waits)},
        {isolated__is_chosen_by_itself_and_before_all_others, 1},
        {isolated__waits_until_nothing_in_flight_is_new, ROWS(companies)},
        {isolated__waits_for_the_newest_only_while_it_is_in_flight, 1},
        {in_flight__knows_the_newest_whichever_ends, 1},
        {isolated__stands_in_the_way_of_local_claims, 1},
        {quarantine__lets_nothing_in_until_it_is_over, 1},
        {quarantine__ends_with_its_job, 1},
        {give_up__leaves_isolated_jobs_and_empty_does_not, 1}};
    return suite_run("inbox", cases, sizeof cases / sizeof cases[0]);
}
