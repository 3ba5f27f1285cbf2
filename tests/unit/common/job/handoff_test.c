/* SPDX-License-Identifier: Apache-2.0 */
/* What idle workers and programs that accept jobs say to each other comes out as it went in, and nothing
 * else. */
#include "common/job/handoff.h"

#include "tests/support/suite.h"

#include <stdlib.h>
#include <string.h>

#define ID_A "0192f0c1-2345-7abc-8def-0123456789ab"
#define JOB                                                                                                  \
    "{\"v\":1,\"job_id\":\"" ID_A "\",\"kind\":\"noop\",\"timestamp\":\"2026-02-15T15:28:37.123Z\","         \
    "\"user_id\":\"00000000-0000-0000-0000-000000000000\",\"request_id\":\"r\",\"payload\":{\"n\":[1,2]},"   \
    "\"priority\":\"high\",\"deadline_at\":\"2026-02-15T16:28:37.123Z\",\"parent_id\":\"" ID_A "\"}"

static struct arena *arena;
static struct buf buf;
static struct err err;

static void setup(void)
{
    arena = arena_new(1 << 20);
    buf_init(&buf, HANDOFF_MAX_BYTES);
}

static void teardown(void)
{
    buf_fini(&buf);
    arena_free(arena);
}

START_TEST(offer__comes_out_as_it_went_in)
{
    const struct idle in = {.worker_id = ID_A, .slots = 3, .lease_ms = 40000, .stamp = 123456789};
    struct idle out = {.stamp = 0};
    idle_encode(&in, &buf);
    ck_assert_int_eq(idle_decode(arena, buf.data, buf.len, &out, &err), E_OK);
    ck_assert_str_eq(out.worker_id, ID_A);
    ck_assert_int_eq(out.slots, 3);
    ck_assert_int_eq(out.lease_ms, 40000);
    ck_assert_int_eq(out.stamp, 123456789);
}
END_TEST

START_TEST(given__comes_out_as_it_went_in)
{
    const struct handoff in = {.stamp = 5, .fence = 1795755166989922, .note = 77};
    struct handoff out;
    handoff_encode(&in, JOB, &buf);
    ck_assert_int_eq(handoff_decode(arena, buf.data, buf.len, &out, &err), E_OK);
    ck_assert_int_eq(out.stamp, 5);
    ck_assert_int_eq(out.fence, 1795755166989922);
    ck_assert_int_eq(out.note, 77);
    ck_assert_str_eq(out.envelope.job_id, ID_A);
    ck_assert_str_eq(out.envelope.payload, "{\"n\":[1,2]}");
    ck_assert_str_eq(out.envelope.parent_id, ID_A);
    ck_assert_int_eq(out.envelope.priority, JOB_HIGH);
    ck_assert_int_eq(out.envelope.deadline_at_ms - out.envelope.timestamp_ms, 3600000);
}
END_TEST

static const char *const bad_offers[] = {
    "",
    "[]",
    "{}",
    "{\"worker_id\":\"" ID_A "\",\"room\":1,\"lease_ms\":40000}",
    "{\"worker_id\":\"" ID_A "\",\"room\":0,\"lease_ms\":40000,\"stamp\":1}",
    "{\"worker_id\":\"" ID_A "\",\"room\":5,\"lease_ms\":40000,\"stamp\":1}",
    "{\"worker_id\":\"" ID_A "\",\"room\":1,\"lease_ms\":1,\"stamp\":1}",
    "{\"worker_id\":\"; DROP TABLE jobs\",\"room\":1,\"lease_ms\":40000,\"stamp\":1}",
};

START_TEST(offer__that_is_wrong_is_refused)
{
    struct idle out = {.stamp = 0};
    const char *text = bad_offers[_i];
    ck_assert_int_eq(idle_decode(arena, text, strlen(text), &out, &err), E_INVALID);
    ck_assert_uint_gt(strlen(err.text), 0);
}
END_TEST

static const char *const bad_givens[] = {
    "{\"stamp\":1,\"fence\":2,\"note\":3}",
    "{\"stamp\":1,\"fence\":2,\"note\":3,\"job\":[]}",
    "{\"stamp\":1,\"fence\":2,\"note\":3,\"job\":{}}",
    "{\"stamp\":1,\"fence\":\"2\",\"note\":3,\"job\":" JOB "}",
    "{\"fence\":2,\"note\":3,\"job\":" JOB "}",
};

START_TEST(given__that_is_wrong_is_refused)
{
    struct handoff out;
    const char *text = bad_givens[_i];
    ck_assert_int_eq(handoff_decode(arena, text, strlen(text), &out, &err), E_INVALID);
    ck_assert_uint_gt(strlen(err.text), 0);
}
END_TEST

START_TEST(both__have_a_size_limit)
{
    struct idle idle = {.stamp = 0};
    struct handoff handoff;
    char *text = calloc(1, HANDOFF_MAX_BYTES + 2);
    memset(text, ' ', HANDOFF_MAX_BYTES + 1);
    ck_assert_int_eq(idle_decode(arena, text, IDLE_MAX_BYTES + 1, &idle, &err), E_INVALID);
    ck_assert_int_eq(handoff_decode(arena, text, HANDOFF_MAX_BYTES + 1, &handoff, &err), E_INVALID);
    free(text);
}
END_TEST

int main(void)
{
    const struct suite_case cases[] = {
        {offer__comes_out_as_it_went_in, 1},
        {given__comes_out_as_it_went_in, 1},
        {offer__that_is_wrong_is_refused, sizeof bad_offers / sizeof bad_offers[0]},
        {given__that_is_wrong_is_refused, sizeof bad_givens / sizeof bad_givens[0]},
        {both__have_a_size_limit, 1},
    };
    return suite_run_with("offer", cases, sizeof cases / sizeof cases[0], setup, teardown);
}
