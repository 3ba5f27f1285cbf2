/* SPDX-License-Identifier: Apache-2.0 */
/* What the relay does next, row by row: every step that may follow from what it knows, and what it remembers
 * of what came of it. */
#include "common/outbox/plan.h"

#include "tests/support/suite.h"

enum
{
    NOW = 1000000
};

/* A row names what differs from the usual. */
#pragma GCC diagnostic ignored "-Woverride-init"

/* A look that reads the table, nothing done in it yet, the broker's turn a moment ago. */
#define STATE(...)                                                                                           \
    {.reads = true,                                                                                          \
     .claimed = RELAY_UNASKED,                                                                               \
     .ages = {RELAY_LOCAL_AGE_MS, RELAY_AGE_MS},                                                             \
     .proven = true,                                                                                         \
     .past_ms = NOW - 1,                                                                                     \
     .read_ms = NOW - 1,                                                                                     \
     __VA_ARGS__}
#define FACTS(...) {.now_ms = NOW, .broker = BROKER_WELL, .free_slots = RELAY_NO_WORKER, __VA_ARGS__}

/* ---- which step ----------------------------------------------------------------------------------- */

struct step_row
{
    const char *when;
    struct relay_facts facts;
    struct relay_plan plan; /* ages are looked at apart */
};

#define LOOKS {RELAY_LOCAL_AGE_MS, RELAY_AGE_MS}
#define WAITS(...) {.step = RELAY_WAIT, .ages = LOOKS, __VA_ARGS__}
#define CLAIMS(...) {.step = RELAY_CLAIM, .ages = LOOKS, __VA_ARGS__}
#define TAKES(...) {.step = RELAY_TAKE, .ages = LOOKS, __VA_ARGS__}
#define DOUBTED {RELAY_LOCAL_AGE_MS, RELAY_DOUBT_AGE_MS}

static const struct step_row steps[] = {
    /* the broker is away, or refuses */
    {"away, no worker", FACTS(.broker = BROKER_AWAY, .state = {.claimed = -1, .ages = LOOKS}),
     WAITS(.forgets = true, .wait_ms = RELAY_LOOK_MS)},
    {"away, rows in memory", FACTS(.broker = BROKER_AWAY, .just_committed = true, .state = {.ages = LOOKS}),
     WAITS(.forgets = true, .wait_ms = RELAY_LOOK_MS)},
    {"away since we started, a worker with slots",
     FACTS(.broker = BROKER_AWAY, .free_slots = 8, .state = STATE(.proven = false)),
     CLAIMS(.forgets = true, .max = 8, .max_first = 8)},
    {"away, a worker that was asked in vain",
     FACTS(.broker = BROKER_AWAY, .free_slots = 8, .state = STATE(.proven = false, .claimed = 0)),
     WAITS(.forgets = true, .wait_ms = RELAY_LOOK_MS)},
    {"away, a full worker", FACTS(.broker = BROKER_AWAY, .free_slots = 0, .state = STATE(.proven = false)),
     WAITS(.forgets = true, .wait_ms = RELAY_SLOT_MS)},
    {"gone a moment ago, a worker with slots",
     FACTS(.broker = BROKER_AWAY, .free_slots = 8, .state = STATE()),
     {.step = RELAY_CLAIM, .ages = DOUBTED, .forgets = true, .max = 8, .max_first = 8}},
    {"it refused", FACTS(.state = STATE(.failed = true)),
     WAITS(.forgets = true, .deaf_ms = RELAY_AWAY_MS, .wait_ms = RELAY_LOOK_MS)},
    {"it refused, and rows lie in memory", FACTS(.just_committed = true, .state = STATE(.failed = true)),
     WAITS(.forgets = true, .deaf_ms = RELAY_AWAY_MS, .wait_ms = RELAY_LOOK_MS)},

    /* a new connection, and the time after one that was lost */
    {"a first connection",
     FACTS(.broker = BROKER_UNVERIFIED, .just_committed = true, .state = STATE(.proven = false)),
     {.step = RELAY_VERIFY, .ages = LOOKS}},
    {"a first connection, a worker with slots",
     FACTS(.broker = BROKER_UNVERIFIED, .free_slots = 2, .state = STATE(.proven = false)),
     CLAIMS(.max = 2, .max_first = 2)},
    {"a new connection",
     FACTS(.broker = BROKER_UNVERIFIED, .state = STATE()),
     {.step = RELAY_VERIFY, .ages = DOUBTED, .forgets = true}},
    {"well again, but not for long: others' workers go first",
     FACTS(.just_committed = true, .state = STATE(.doubt_until_ms = NOW + 1)),
     {.step = RELAY_TAKE, .ages = DOUBTED, .forgets = true, .max = RELAY_BATCH, .max_first = RELAY_BATCH}},
    {"well again, but not for long: our worker takes few",
     FACTS(.free_slots = 1, .state = STATE(.doubt_until_ms = NOW + 1)),
     {.step = RELAY_CLAIM, .ages = DOUBTED, .forgets = true, .max = 1, .max_first = 1}},
    {"well again for long", FACTS(.state = STATE(.doubt_until_ms = NOW)),
     TAKES(.max = RELAY_BATCH, .max_first = RELAY_BATCH)},
    {"silent: it is asked all the same",
     FACTS(.broker = BROKER_SILENT, .state = STATE()),
     {.step = RELAY_TAKE, .ages = DOUBTED, .forgets = true, .max = RELAY_BATCH, .max_first = RELAY_BATCH}},
    {"silent since we started",
     FACTS(.broker = BROKER_SILENT, .just_committed = true, .state = STATE(.proven = false)),
     {.step = RELAY_SEND, .ages = LOOKS}},

    /* rows in memory */
    {"rows in memory go first",
     FACTS(.just_committed = true, .state = STATE()),
     {.step = RELAY_SEND, .ages = LOOKS}},
    {"a batch went out: the table's turn", FACTS(.just_committed = true, .state = STATE(.sent = true)),
     TAKES(.max = RELAY_BATCH, .max_first = RELAY_BATCH)},
    {"a batch went out, and the table has no turn",
     FACTS(.just_committed = true, .state = STATE(.sent = true, .reads = false)), WAITS(.wait_ms = 0)},
    {"nothing but rows in memory, and they are out", FACTS(.state = STATE(.sent = true, .reads = false)),
     WAITS(.wait_ms = RELAY_LOOK_MS)},

    /* the table, without a worker */
    {"what is due goes to the broker", FACTS(.state = STATE()),
     TAKES(.max = RELAY_BATCH, .max_first = RELAY_BATCH)},
    {"every fourth time urgent rows are not first", FACTS(.state = STATE(.turn = 7)),
     TAKES(.max = RELAY_BATCH, .max_first = 0)},
    {"nothing more is due", FACTS(.state = STATE(.over = true)), WAITS(.wait_ms = RELAY_LOOK_MS)},

    /* the table, with a worker */
    {"free slots: it is asked first, for many", FACTS(.free_slots = 16, .state = STATE()),
     CLAIMS(.max = 16, .max_first = 16, .least = RELAY_FEW)},
    {"very many free slots", FACTS(.free_slots = 1024, .state = STATE()),
     CLAIMS(.max = RELAY_CLAIM_MAX, .max_first = RELAY_CLAIM_MAX, .least = RELAY_FEW)},
    {"every fourth time half of them is for others", FACTS(.free_slots = 5, .state = STATE(.turn = 3)),
     CLAIMS(.max = 5, .max_first = 3, .least = RELAY_FEW)},
    {"it claimed: there may be more", FACTS(.free_slots = 4, .state = STATE(.claimed = 12)),
     CLAIMS(.max = 4, .max_first = 4, .least = RELAY_FEW)},
    {"it claimed, and the broker's turn has come",
     FACTS(.free_slots = 4, .state = STATE(.claimed = 12, .past_ms = NOW - RELAY_LOOK_MS)),
     TAKES(.max = RELAY_FEW + 1, .max_first = RELAY_FEW + 1, .is_look_past = true,
           .shared_age_ms = RELAY_NEVER_MS)},
    {"it was asked before the broker's turn came",
     FACTS(.free_slots = 4, .state = STATE(.past_ms = NOW - RELAY_LOOK_MS)),
     CLAIMS(.max = 4, .max_first = 4, .least = RELAY_FEW)},
    {"few, or none that it can take: more may have come",
     FACTS(.free_slots = 4, .state = STATE(.claimed = 0)),
     TAKES(.max = RELAY_FEW + 1, .max_first = RELAY_FEW + 1, .shared_age_ms = RELAY_AGE_MS)},
    {"there were more, and none that it can take",
     FACTS(.free_slots = 4, .state = STATE(.claimed = 0, .more = true)),
     TAKES(.max = RELAY_BATCH, .max_first = RELAY_BATCH, .shared_age_ms = RELAY_AGE_MS)},
    {"full a moment ago: its rows wait for it", FACTS(.free_slots = 0, .state = STATE(.claimed = 12)),
     WAITS(.wait_ms = RELAY_SLOT_MS)},
    {"full for less than patience lasts",
     FACTS(.free_slots = 0, .state = STATE(.full_since_ms = NOW - RELAY_PATIENCE_MS + 1)),
     WAITS(.wait_ms = RELAY_SLOT_MS)},
    {"full, and the broker's turn has come",
     FACTS(.free_slots = 0, .state = STATE(.past_ms = NOW - RELAY_LOOK_MS)),
     TAKES(.max = RELAY_BATCH, .max_first = RELAY_BATCH, .spares_local = true, .is_look_past = true)},
    {"the broker had its turn, and the worker has slots meanwhile",
     FACTS(.free_slots = 7, .state = STATE(.past_ms = NOW)),
     CLAIMS(.max = 7, .max_first = 7, .least = RELAY_FEW)},
    {"full for long: others may have its jobs",
     FACTS(.free_slots = 0, .state = STATE(.full_since_ms = NOW - RELAY_PATIENCE_MS)),
     TAKES(.max = RELAY_BATCH, .max_first = RELAY_BATCH)},
};

START_TEST(plan__says_which_step_is_next)
{
    const struct step_row *row = &steps[_i];
    const struct relay_plan plan = relay_plan(&row->facts);
    ck_assert_msg(plan.step == row->plan.step, "%s: step %d", row->when, (int)plan.step);
    ck_assert_msg(plan.forgets == row->plan.forgets, "%s: forgets", row->when);
    ck_assert_msg(plan.deaf_ms == row->plan.deaf_ms, "%s: deaf", row->when);
    ck_assert_msg(plan.wait_ms == row->plan.wait_ms, "%s: waits %d", row->when, (int)plan.wait_ms);
    ck_assert_msg(plan.ages.local == row->plan.ages.local, "%s: age of local rows %d", row->when,
                  (int)plan.ages.local);
    ck_assert_msg(plan.ages.others == row->plan.ages.others, "%s: age of others", row->when);
    ck_assert_msg(plan.max == row->plan.max, "%s: max %d", row->when, (int)plan.max);
    ck_assert_msg(plan.max_first == row->plan.max_first, "%s: max_first %d", row->when, (int)plan.max_first);
    ck_assert_msg(plan.least == row->plan.least, "%s: least", row->when);
    ck_assert_msg(plan.spares_local == row->plan.spares_local, "%s: spares_local", row->when);
    ck_assert_msg(plan.shared_age_ms == row->plan.shared_age_ms, "%s: age of shared rows", row->when);
    ck_assert_msg(plan.is_look_past == row->plan.is_look_past, "%s: is_look_past", row->when);
}
END_TEST

/* ---- what is remembered ----------------------------------------------------------------------------- */

struct after_row
{
    const char *when;
    struct relay_facts facts;
    struct relay_plan plan;
    struct relay_outcome outcome;
    struct relay_state state;
};

#define TAKEN_MAX {.step = RELAY_TAKE, .max = RELAY_BATCH, .max_first = RELAY_BATCH}
#define READ(...) STATE(.read_ms = NOW, .turn = 1, __VA_ARGS__)

static const struct after_row afters[] = {
    /* a wait begins a look */
    {"the time is over",
     FACTS(.state = STATE(.over = true, .more = true, .claimed = 0, .sent = true, .failed = true)),
     {.step = RELAY_WAIT},
     {.now_ms = NOW},
     STATE()},
    {"this process committed rows",
     FACTS(.state = STATE()),
     {.step = RELAY_WAIT},
     {.own = true, .woken = true, .now_ms = NOW},
     STATE(.ages = {0, 0})},
    {"others say that they did",
     FACTS(.state = STATE()),
     {.step = RELAY_WAIT},
     {.notified = true, .woken = true, .now_ms = NOW},
     STATE(.ages = {0, RELAY_AGE_MS})},
    {"rows in memory alone are no reason to read",
     FACTS(.just_committed = true, .state = STATE()),
     {.step = RELAY_WAIT},
     {.woken = true, .now_ms = NOW},
     STATE(.reads = false)},
    {"unless that is due anyhow",
     FACTS(.state = STATE()),
     {.step = RELAY_WAIT},
     {.woken = true, .now_ms = NOW - 1 + RELAY_LOOK_MS},
     STATE()},
    {"or there is a worker",
     FACTS(.free_slots = 1, .state = STATE()),
     {.step = RELAY_WAIT},
     {.woken = true, .now_ms = NOW},
     STATE()},
    {"a full worker has slots again: what was its own to take still is",
     FACTS(.free_slots = 0, .state = STATE(.ages = {0, 100}, .full_since_ms = 77)),
     {.step = RELAY_WAIT},
     {.woken = true, .now_ms = NOW},
     STATE(.ages = {0, 100}, .full_since_ms = 77)},
    {"a full worker, and others say something new",
     FACTS(.free_slots = 0, .state = STATE(.ages = {150, 100}, .full_since_ms = 77)),
     {.step = RELAY_WAIT},
     {.notified = true, .now_ms = NOW},
     STATE(.ages = {0, 100}, .full_since_ms = 77)},
    {"we leave: all that is due is ours",
     FACTS(.state = STATE(.reads = false)),
     {.step = RELAY_WAIT},
     {.leaving = true, .woken = true, .now_ms = NOW},
     STATE(.ages = {0, 0}, .leaving = true)},

    /* the broker */
    {"it was well for the first time",
     FACTS(.state = STATE(.proven = false)),
     {.step = RELAY_VERIFY},
     {.count = 0},
     STATE()},
    {"it has never been well",
     FACTS(.broker = BROKER_UNVERIFIED, .state = STATE(.proven = false)),
     {.step = RELAY_VERIFY},
     {.refused = true},
     STATE(.proven = false, .failed = true)},
    {"it was well, and is away",
     FACTS(.broker = BROKER_AWAY, .state = STATE()),
     {.step = RELAY_WAIT},
     {.now_ms = NOW},
     STATE(.doubt_until_ms = NOW + RELAY_DOUBT_MS)},
    {"a batch from memory", FACTS(.state = STATE()), {.step = RELAY_SEND}, {.count = 0}, STATE(.sent = true)},
    {"a batch from memory that it refused",
     FACTS(.state = STATE()),
     {.step = RELAY_SEND},
     {.refused = true},
     STATE(.sent = true, .failed = true)},

    /* the table */
    {"a local claim",
     FACTS(.free_slots = 4, .state = STATE(.sent = true)),
     {.step = RELAY_CLAIM, .max = 4},
     {.count = 3},
     READ(.claimed = 3)},
    {"a local claim after a full batch",
     FACTS(.free_slots = 4, .state = STATE(.more = true)),
     {.step = RELAY_CLAIM, .max = 4},
     {.count = 3},
     READ(.claimed = 3)},
    {"a local claim in vain after a full batch",
     FACTS(.free_slots = 4, .state = STATE(.more = true)),
     {.step = RELAY_CLAIM, .max = 4},
     {.count = 0},
     READ(.claimed = 0, .more = true)},
    {"a local claim in vain",
     FACTS(.free_slots = 4, .state = STATE()),
     {.step = RELAY_CLAIM, .max = 4},
     {.count = 0},
     READ(.claimed = 0)},
    {"a full batch: there is more",
     FACTS(.state = STATE(.sent = true)),
     TAKEN_MAX,
     {.count = RELAY_BATCH},
     READ(.more = true)},
    {"a full batch: the local worker is asked again",
     FACTS(.free_slots = 4, .state = STATE(.claimed = 0)),
     {.step = RELAY_TAKE, .max = 33, .max_first = 33},
     {.count = 33},
     READ(.more = true)},
    {"less than a batch: that was all",
     FACTS(.state = STATE()),
     TAKEN_MAX,
     {.count = RELAY_BATCH - 1},
     READ(.over = true)},
    {"nothing", FACTS(.state = STATE()), TAKEN_MAX, {.count = 0}, READ(.over = true)},
    {"no urgent ones were asked for",
     FACTS(.state = STATE()),
     {.step = RELAY_TAKE, .max = RELAY_BATCH},
     {.count = 0},
     READ()},
    {"it refused a batch",
     FACTS(.state = STATE()),
     TAKEN_MAX,
     {.refused = true, .count = RELAY_BATCH},
     READ(.failed = true, .more = true)},
    {"a look past the local worker is no end of its rows",
     FACTS(.free_slots = 4, .state = STATE(.claimed = 9)),
     {.step = RELAY_TAKE, .max = 33, .max_first = 33, .is_look_past = true},
     {.count = 0},
     READ(.claimed = 9, .past_ms = NOW)},
    {"a full look past the local worker",
     FACTS(.free_slots = 4, .state = STATE(.claimed = 9)),
     {.step = RELAY_TAKE, .max = 33, .max_first = 33, .is_look_past = true},
     {.count = 33},
     READ(.claimed = 9, .more = true, .past_ms = NOW)},
    {"the broker's turn while the local worker is full",
     FACTS(.free_slots = 0, .state = STATE()),
     {.step = RELAY_TAKE,
      .max = RELAY_BATCH,
      .max_first = RELAY_BATCH,
      .spares_local = true,
      .is_look_past = true},
     {.count = 0},
     READ(.past_ms = NOW, .full_since_ms = NOW)},
};

START_TEST(after__remembers_what_came_of_it)
{
    const struct after_row *row = &afters[_i];
    const struct relay_state state = relay_after(&row->facts, &row->plan, &row->outcome);
    const struct relay_state *is = &row->state;
    ck_assert_msg(state.ages.local == is->ages.local, "%s: local age %d", row->when, (int)state.ages.local);
    ck_assert_msg(state.ages.others == is->ages.others, "%s: others' age", row->when);
    ck_assert_msg(state.reads == is->reads, "%s: reads", row->when);
    ck_assert_msg(state.sent == is->sent, "%s: sent", row->when);
    ck_assert_msg(state.over == is->over, "%s: over", row->when);
    ck_assert_msg(state.more == is->more, "%s: more", row->when);
    ck_assert_msg(state.failed == is->failed, "%s: failed", row->when);
    ck_assert_msg(state.leaving == is->leaving, "%s: leaving", row->when);
    ck_assert_msg(state.proven == is->proven, "%s: proven", row->when);
    ck_assert_msg(state.claimed == is->claimed, "%s: claimed %d", row->when, (int)state.claimed);
    ck_assert_msg(state.turn == is->turn, "%s: turn", row->when);
    ck_assert_msg(state.read_ms == is->read_ms, "%s: read_ms", row->when);
    ck_assert_msg(state.past_ms == is->past_ms, "%s: past_ms", row->when);
    ck_assert_msg(state.full_since_ms == is->full_since_ms, "%s: full_since_ms", row->when);
    ck_assert_msg(state.doubt_until_ms == is->doubt_until_ms, "%s: doubt_until_ms", row->when);
}
END_TEST

/* ---- many steps --------------------------------------------------------------------------------------- */

/* Plays looks against a table with so many due jobs until the relay waits; what it claimed and published. */
struct played
{
    int64_t due;    /* for the worker of this process */
    int64_t others; /* for workers elsewhere */
    int64_t claimed;
    int64_t published;
    int steps;
};

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t take(struct played *is, int64_t max)
{
    const int64_t others = least(is->others, max);
    const int64_t own = least(is->due, max - others);
    is->others -= others;
    is->due -= own;
    is->published += own;
    return others + own;
}

static int64_t claim(struct played *is, const struct relay_plan *plan)
{
    const int64_t count = is->due > plan->least ? least(is->due, plan->max) : 0;
    is->due -= count;
    is->claimed += count;
    return count;
}

static struct played play(int64_t due, int64_t others, int slots)
{
    struct played is = {.due = due, .others = others};
    struct relay_facts facts = {
        .state = relay_state_new(), .now_ms = NOW, .broker = BROKER_WELL, .free_slots = slots};
    for (struct relay_plan plan = relay_plan(&facts); plan.step != RELAY_WAIT; plan = relay_plan(&facts))
    {
        const int64_t count = plan.step == RELAY_TAKE ? take(&is, plan.max) : claim(&is, &plan);
        const struct relay_outcome outcome = {.count = count};
        facts.state = relay_after(&facts, &plan, &outcome);
        facts.now_ms += 10;
        ck_assert_int_lt(++is.steps, 100000);
    }
    return is;
}

static const int64_t dues[] = {0, 1, 32, 33, 1000, 30000};
static const int some_slots[] = {RELAY_NO_WORKER, 1, 16, 256};

START_TEST(plan__comes_to_an_end_and_leaves_nothing)
{
    for (size_t s = 0; s < sizeof some_slots / sizeof some_slots[0]; s++)
    {
        const struct played is = play(dues[_i], 0, some_slots[s]);
        ck_assert_int_eq(is.due, 0);
        ck_assert_int_eq(is.claimed + is.published, dues[_i]);
        if (some_slots[s] == RELAY_NO_WORKER || dues[_i] <= RELAY_FEW)
            ck_assert_int_eq(is.claimed, 0);
        else
            ck_assert_int_le(is.published, RELAY_FEW + (RELAY_FEW + 1) * (1 + is.steps * 10 / RELAY_LOOK_MS));
    }
}
END_TEST

START_TEST(plan__publishes_much_for_others_in_few_batches)
{
    for (size_t s = 0; s < sizeof some_slots / sizeof some_slots[0]; s++)
    {
        const struct played is = play(0, dues[_i], some_slots[s]);
        ck_assert_int_eq(is.others, 0);
        ck_assert_int_le(is.steps, 5 + 2 * dues[_i] / RELAY_BATCH);
    }
}
END_TEST

int main(void)
{
    const struct suite_case cases[] = {
        {plan__says_which_step_is_next, sizeof steps / sizeof steps[0]},
        {after__remembers_what_came_of_it, sizeof afters / sizeof afters[0]},
        {plan__comes_to_an_end_and_leaves_nothing, 6},
        {plan__publishes_much_for_others_in_few_batches, 6},
    };
    return suite_run("plan", cases, sizeof cases / sizeof cases[0]);
}
