/* SPDX-License-Identifier: Apache-2.0 */
#include "common/cache/tally.h"

#include "tests/support/suite.h"

#include <stdio.h>
#include <stdlib.h>

enum
{
    WINDOW_MS = TALLY_WINDOW_S * 1000,
    START_MS = 5000000,
    LIMIT = 20,
    STEPS = 20000
};

static struct tally *tally;

static bool take(const char *key, uint32_t limit, enum tally_how how, int64_t now_ms)
{
    struct tally_ask ask = {.key = key, .limit = limit};
    return tally_take(tally, &ask, 1, how, now_ms);
}

/* What was let through, by somebody who keeps every time. */
struct exact
{
    int64_t at[STEPS];
    int count;
};

static int within(const struct exact *exact, int64_t now_ms)
{
    int count = 0;
    for (int i = exact->count - 1; i >= 0 && now_ms - exact->at[i] <= WINDOW_MS; i--)
        count++;
    return count;
}

/* Bursts and pauses, the same at each run. */
static int64_t later(int64_t now_ms, unsigned *seed)
{
    return now_ms + (rand_r(seed) % 40 == 0 ? rand_r(seed) % 90000 : rand_r(seed) % 3000);
}

START_TEST(tally__never_lets_more_than_the_limit_through_in_any_minute)
{
    static struct exact exact;
    unsigned seed = 7;
    int refused = 0;
    exact.count = 0;
    tally = tally_new();
    for (int64_t now_ms = START_MS, i = 0; i < STEPS; i++, now_ms = later(now_ms, &seed))
        if (take("k", LIMIT, TALLY_STRICTLY, now_ms))
        {
            exact.at[exact.count++] = now_ms;
            ck_assert_int_le(within(&exact, now_ms), LIMIT);
        }
        else
        {
            refused++; /* and rightly, but for the second by which it rounds */
            ck_assert_int_ge(within(&exact, now_ms - 1000), LIMIT - 1);
        }
    ck_assert_int_gt(refused, STEPS / 10);
    ck_assert_int_gt(exact.count, STEPS / 10);
    tally_free(tally);
}
END_TEST

START_TEST(tally__asked_loosely_never_refuses_what_an_exact_count_allows)
{
    static struct exact exact;
    unsigned seed = 9;
    exact.count = 0;
    tally = tally_new();
    for (int64_t now_ms = START_MS, i = 0; i < STEPS; i++, now_ms = later(now_ms, &seed))
        if (within(&exact, now_ms) < LIMIT)
        {
            exact.at[exact.count++] = now_ms;
            ck_assert(take("k", LIMIT, TALLY_LOOSELY, now_ms));
        }
    for (int i = 0; i < LIMIT; i++)
        (void)take("other", LIMIT, TALLY_LOOSELY, START_MS);
    ck_assert(!take("other", LIMIT, TALLY_LOOSELY, START_MS + 57000));
    tally_free(tally);
}
END_TEST

START_TEST(tally__tells_when_there_is_room_again)
{
    struct tally_ask ask = {.key = "k", .limit = 2};
    tally = tally_new();
    ck_assert(tally_take(tally, &ask, 1, TALLY_STRICTLY, 300)); /* soon after the machine's start, too */
    ck_assert(tally_take(tally, &ask, 1, TALLY_STRICTLY, 30000));
    ck_assert_uint_eq(ask.used, 2);
    ck_assert(!tally_take(tally, &ask, 1, TALLY_STRICTLY, 31000));
    ck_assert_int_eq(ask.wait_ms, 61000 - 31000);
    ck_assert(!tally_take(tally, &ask, 1, TALLY_STRICTLY, 60999));
    ck_assert(tally_take(tally, &ask, 1, TALLY_STRICTLY, 61000));
    ask.limit = 1; /* lowered: both have to go */
    ck_assert(!tally_take(tally, &ask, 1, TALLY_STRICTLY, 62000));
    ck_assert_int_eq(ask.wait_ms, 61000 + 61000 - 62000);
    tally_free(tally);
}
END_TEST

START_TEST(tally__takes_of_all_keys_or_of_none)
{
    struct tally_ask asks[] = {{.key = "a", .limit = 5}, {.key = "b", .limit = 1}};
    tally = tally_new();
    ck_assert(tally_take(tally, asks, 2, TALLY_STRICTLY, START_MS));
    for (int i = 0; i < 3; i++)
        ck_assert(!tally_take(tally, asks, 2, TALLY_STRICTLY, START_MS));
    ck_assert_uint_eq(asks[0].used, 1);
    ck_assert_uint_eq(asks[1].used, 1);
    tally_free(tally);
}
END_TEST

/* Each of them once is let through while there is room; nobody twice, however many there are. */
START_TEST(tally__more_keys_than_fit_are_limited_together_and_never_let_through_uncounted)
{
    char key[32];
    int first = 0;
    tally = tally_new();
    for (int i = 0; i < 3 * TALLY_KEYS; i++)
    {
        snprintf(key, sizeof key, "address:%d", i);
        first += take(key, 1, TALLY_STRICTLY, START_MS + i / 10);
        ck_assert(!take(key, 1, TALLY_STRICTLY, START_MS + i / 10));
    }
    ck_assert_int_ge(first, TALLY_KEYS);
    ck_assert_int_le(first, TALLY_KEYS + TALLY_KEYS / 7);
    ck_assert(take(key, 1, TALLY_LOOSELY, START_MS + 10000)); /* Redis has counted it */
    ck_assert(take("somebody new", 1, TALLY_STRICTLY, START_MS + 80000));
    tally_free(tally);
}
END_TEST

START_TEST(tally__remembers_until_when_a_key_is_refused)
{
    tally = tally_new();
    ck_assert_int_eq(tally_refused_ms(tally, "k", START_MS), 0);
    tally_refuse(tally, "k", START_MS + 70000, START_MS);
    ck_assert_int_eq(tally_refused_ms(tally, "k", START_MS + 69000), 1000);
    ck_assert_int_eq(tally_refused_ms(tally, "k", START_MS + 70000), 0);
    ck_assert_int_eq(tally_refused_ms(tally, "other", START_MS), 0);
    tally_free(tally);
}
END_TEST

START_TEST(tally__a_second_that_is_full_takes_no_more)
{
    tally = tally_new();
    for (int i = 0; i < UINT16_MAX; i++)
        ck_assert(take("k", 10000000, TALLY_STRICTLY, START_MS));
    ck_assert(!take("k", 10000000, TALLY_STRICTLY, START_MS));
    ck_assert(take("k", 10000000, TALLY_STRICTLY, START_MS + 1000));
    tally_free(tally);
}
END_TEST

int main(void)
{
    const struct suite_case cases[] = {
        {tally__never_lets_more_than_the_limit_through_in_any_minute, 1},
        {tally__asked_loosely_never_refuses_what_an_exact_count_allows, 1},
        {tally__tells_when_there_is_room_again, 1},
        {tally__takes_of_all_keys_or_of_none, 1},
        {tally__more_keys_than_fit_are_limited_together_and_never_let_through_uncounted, 1},
        {tally__remembers_until_when_a_key_is_refused, 1},
        {tally__a_second_that_is_full_takes_no_more, 1},
    };
    return suite_run("tally", cases, sizeof cases / sizeof cases[0]);
}
