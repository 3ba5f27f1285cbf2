/* SPDX-License-Identifier: Apache-2.0 */
#include "api/turns.h"

#include "tests/support/suite.h"

#include <stdio.h>
#include <string.h>

enum
{
    MANY = 200
};

static enum err_code nothing(struct request **reqs, size_t count, struct err *err)
{
    (void)reqs;
    (void)count;
    (void)err;
    return E_OK;
}

static const struct route plain = {.pattern = "/plain"};
static const struct route batch = {.pattern = "/batch", .handle_batch = nothing};
static const struct route other = {.pattern = "/other", .handle_batch = nothing};

static struct request reqs[MANY];
static size_t used;

/* A request of this owner; its id tells which of theirs it is. */
static struct request *of(const char *owner, const struct route *route)
{
    struct request *req = &reqs[used];
    snprintf(req->id, sizeof req->id, "%zu", used++);
    snprintf(req->block, sizeof req->block, "%s", owner);
    req->route = route;
    return req;
}

static struct turns *filled(int max_waiting, int max_running, const char *owners, const struct route *route)
{
    struct turns *turns = turns_new(max_waiting, max_running);
    for (const char *c = owners; *c != '\0'; c++)
        ck_assert_ptr_null(turns_push(turns, of((char[2]){*c, '\0'}, route)));
    return turns;
}

/* The owners of the next round. */
static const char *take(struct turns *turns)
{
    static char text[ROUTE_BATCH + 1];
    struct request *out[ROUTE_BATCH];
    const size_t count = turns_take(turns, out);
    for (size_t i = 0; i < count; i++)
        text[i] = out[i]->block[0];
    text[count] = '\0';
    return text;
}

static bool all(const struct request *req)
{
    (void)req;
    return true;
}

static bool of_b(const struct request *req)
{
    return req->block[0] == 'b';
}

/* All have been taken, or are now. */
static void finish(struct turns *turns)
{
    while (take(turns)[0] != '\0')
        ;
    for (size_t i = 0; i < used; i++)
        turns_end(turns, &reqs[i]);
    turns_free(turns);
}

START_TEST(turns__go_round_by_owner)
{
    struct turns *turns = filled(100, 100, "aaaabcc", &plain);
    const char *const expected[] = {"a", "b", "c", "a", "c", "a", "a", ""};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        ck_assert_str_eq(take(turns), expected[i]);
    ck_assert_int_eq(turns_waiting(turns), 0);
    finish(turns);
}
END_TEST

START_TEST(turns__keep_each_owners_order_and_let_a_newcomer_be_next_but_one)
{
    struct request *out[ROUTE_BATCH];
    struct turns *turns = filled(100, 100, "aaaaaa", &plain);
    ck_assert_uint_eq(turns_take(turns, out), 1);
    ck_assert_str_eq(out[0]->id, "0");
    ck_assert_ptr_null(turns_push(turns, of("b", &plain)));
    ck_assert_uint_eq(turns_take(turns, out), 1);
    ck_assert_str_eq(out[0]->id, "1");
    ck_assert_str_eq(take(turns), "b");
    finish(turns);
}
END_TEST

START_TEST(turns__run_no_more_of_one_owner_than_may)
{
    struct turns *turns = filled(100, 2, "aaaa", &plain);
    ck_assert_str_eq(take(turns), "a");
    ck_assert_str_eq(take(turns), "a");
    ck_assert_str_eq(take(turns), "");
    ck_assert_ptr_null(turns_push(turns, of("b", &plain)));
    ck_assert_str_eq(take(turns), "b");
    ck_assert_str_eq(take(turns), "");
    turns_end(turns, &reqs[0]);
    ck_assert_str_eq(take(turns), "a");
    turns_end(turns, &reqs[1]);
    ck_assert_str_eq(take(turns), "a");
    ck_assert_int_eq(turns_waiting(turns), 0);
    for (size_t i = 2; i < used; i++)
        turns_end(turns, &reqs[i]);
    turns_free(turns);
}
END_TEST

START_TEST(turns__cost_whoever_has_the_most_the_newest)
{
    struct turns *turns = filled(5, 1, "aaaab", &plain);
    struct request *newest = &reqs[3];
    struct request *more = of("a", &plain);
    ck_assert_ptr_eq(turns_push(turns, more), more); /* their own */
    ck_assert_ptr_eq(turns_push(turns, of("c", &plain)), newest);
    ck_assert_ptr_eq(turns_push(turns, of("b", &plain)), &reqs[2]);
    struct request *late = of("d", &plain);
    ck_assert_ptr_eq(turns_push(turns, late), &reqs[1]);
    struct request *last = of("e", &plain);
    ck_assert_ptr_eq(turns_push(turns, last), &reqs[7]); /* b has two */
    last = of("f", &plain);
    ck_assert_ptr_eq(turns_push(turns, last), last); /* everybody has one */
    ck_assert_int_eq(turns_waiting(turns), 5);
    ck_assert_ptr_nonnull(turns_leave(turns, all));
    turns_free(turns);
}
END_TEST

START_TEST(turns__fill_a_batch_from_all_owners_and_leave_other_routes_their_place)
{
    struct turns *turns = filled(200, 200, "ab", &batch);
    ck_assert_ptr_null(turns_push(turns, of("b", &other)));
    ck_assert_ptr_null(turns_push(turns, of("c", &batch)));
    ck_assert_ptr_null(turns_push(turns, of("b", &batch)));
    ck_assert_str_eq(take(turns), "abbc");
    ck_assert_str_eq(take(turns), "b");
    for (int i = 0; i < ROUTE_BATCH + 10; i++)
        ck_assert_ptr_null(turns_push(turns, of("a", &batch)));
    ck_assert_ptr_null(turns_push(turns, of("b", &other)));
    ck_assert_uint_eq(strlen(take(turns)), ROUTE_BATCH);
    ck_assert_str_eq(take(turns), "b"); /* before the rest of a's */
    ck_assert_uint_eq(strlen(take(turns)), 10);
    finish(turns);
}
END_TEST

START_TEST(turns__let_go_whom_one_asks_for)
{
    struct turns *turns = filled(100, 100, "abab", &plain);
    struct request *gone = turns_leave(turns, of_b);
    ck_assert_ptr_eq(gone, &reqs[1]);
    ck_assert_ptr_eq(gone->next, &reqs[3]);
    ck_assert_ptr_null(gone->next->next);
    ck_assert_str_eq(take(turns), "a");
    ck_assert_str_eq(take(turns), "a");
    ck_assert_str_eq(take(turns), "");
    ck_assert_ptr_null(turns_push(turns, of("b", &plain)));
    ck_assert_str_eq(take(turns), "b");
    for (size_t i = 0; i < used; i++)
        if (i != 1 && i != 3)
            turns_end(turns, &reqs[i]);
    turns_free(turns);
}
END_TEST

int main(void)
{
    const struct suite_case cases[] = {
        {turns__go_round_by_owner, 1},
        {turns__keep_each_owners_order_and_let_a_newcomer_be_next_but_one, 1},
        {turns__run_no_more_of_one_owner_than_may, 1},
        {turns__cost_whoever_has_the_most_the_newest, 1},
        {turns__fill_a_batch_from_all_owners_and_leave_other_routes_their_place, 1},
        {turns__let_go_whom_one_asks_for, 1},
    };
    return suite_run("turns", cases, sizeof cases / sizeof cases[0]);
}
