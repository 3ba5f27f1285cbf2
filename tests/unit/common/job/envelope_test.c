/* SPDX-License-Identifier: Apache-2.0 */
#include "common/job/envelope.h"

#include "tests/support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID_A "0192f0c1-2345-7abc-8def-0123456789ab"
#define ID_B "00000000-0000-0000-0000-000000000000"

static const struct
{
    const char *name;
    const char *member;
} members[] = {
    {"v", "\"v\":1"},
    {"job_id", "\"job_id\":\"" ID_A "\""},
    {"kind", "\"kind\":\"search\""},
    {"timestamp", "\"timestamp\":\"2026-02-15T15:28:37.123Z\""},
    {"user_id", "\"user_id\":\"" ID_B "\""},
    {"request_id", "\"request_id\":\"req-12345\""},
    {"payload", "\"payload\":{\"query\":\"Sintel\"}"},
};

enum
{
    MEMBERS = sizeof members / sizeof members[0],
    NONE = -1
};

static struct arena *arena;

static void make_arena(void)
{
    arena = arena_new(1 << 20);
}

static void free_arena(void)
{
    arena_free(arena);
}

/* An envelope without one of its members, and with `more` at its end. */
static char *text_without(int left_out, const char *more)
{
    char *text = arena_alloc(arena, 4096);
    strcpy(text, "{");
    for (int i = 0; i < MEMBERS; i++)
    {
        if (i == left_out)
            continue;
        if (text[1] != '\0')
            strcat(text, ",");
        strcat(text, members[i].member);
    }
    strcat(text, more);
    return strcat(text, "}");
}

static enum err_code decode(const char *text, struct envelope *envelope, struct err *err)
{
    return envelope_decode(arena, text, strlen(text), envelope, err);
}

START_TEST(envelope__reads_version_1)
{
    struct envelope envelope;
    struct err err = ERR_INIT;
    ck_assert_int_eq(decode(text_without(NONE, ""), &envelope, &err), E_OK);
    ck_assert_str_eq(envelope.job_id, ID_A);
    ck_assert_str_eq(envelope.kind, "search");
    ck_assert_int_eq(envelope.timestamp_ms, 1771169317123);
    ck_assert_str_eq(envelope.request_id, "req-12345");
    ck_assert_str_eq(envelope.payload, "{\"query\":\"Sintel\"}");
    ck_assert_int_eq(envelope.priority, JOB_NORMAL);
    ck_assert_int_eq(envelope.run_at_ms, ENVELOPE_TIME_NONE);
}
END_TEST

/* req: S141 */
START_TEST(envelope__misses_every_required_member)
{
    struct envelope envelope;
    struct err err = ERR_INIT;
    ck_assert_int_eq(decode(text_without(_i, ""), &envelope, &err), E_INVALID);
    ck_assert_ptr_nonnull(strstr(err.text, members[_i].name));
}
END_TEST

/* req: S140, S143 */
START_TEST(envelope__ignores_what_a_later_version_adds)
{
    struct envelope envelope;
    struct err err = ERR_INIT;
    const char *text = text_without(0, ",\"v\":2,\"colour\":{\"deep\":[1,2]},\"priority\":\"high\"");
    ck_assert_int_eq(decode(text, &envelope, &err), E_OK);
    ck_assert_int_eq(envelope.v, 2);
    ck_assert_int_eq(envelope.priority, JOB_HIGH);
}
END_TEST

static const char *const wrong[] = {
    "", "garbage \x01\x02", "[]", "null", "{\"v\":\"1\"}", "{\"v\":1,\"job_id\":7}",
};

/* req: S119, S139 */
START_TEST(envelope__refuses_what_is_none)
{
    struct envelope envelope;
    struct err err = ERR_INIT;
    ck_assert_int_eq(decode(wrong[_i], &envelope, &err), E_INVALID);
    ck_assert_str_ne(err.text, "");
}
END_TEST

static const char *const wrong_members[] = {
    ",\"priority\":\"urgent\"", ",\"run_at\":\"tomorrow\"", ",\"parent_id\":\"x\"", ",\"v\":1",
    ",\"unique_key\":\"\"",
};

START_TEST(envelope__refuses_a_member_of_the_wrong_shape)
{
    struct envelope envelope;
    struct err err = ERR_INIT;
    ck_assert_int_eq(decode(text_without(NONE, wrong_members[_i]), &envelope, &err), E_INVALID);
}
END_TEST

START_TEST(envelope__refuses_more_than_64_KiB)
{
    struct envelope envelope;
    struct err err = ERR_INIT;
    char *text = malloc(70000);
    memset(text, ' ', 70000);
    memcpy(text, "{}", 2);
    ck_assert_int_eq(envelope_decode(arena, text, 70000, &envelope, &err), E_INVALID);
    ck_assert_ptr_nonnull(strstr(err.text, "65536"));
    free(text);
}
END_TEST

START_TEST(envelope__is_read_as_it_was_written)
{
    const struct envelope written = {.v = 1,
                                     .job_id = ID_A,
                                     .kind = "download",
                                     .timestamp_ms = 1771169317123,
                                     .user_id = ID_B,
                                     .request_id = "r<1>&",
                                     .payload = "{\"a\":\"<b>\"}",
                                     .priority = JOB_LOW,
                                     .run_at_ms = 1771169317999,
                                     .deadline_at_ms = ENVELOPE_TIME_NONE,
                                     .unique_key = "key \"1\"",
                                     .parent_id = ID_B};
    struct envelope read;
    struct err err = ERR_INIT;
    struct buf buf;
    buf_init(&buf, 4096);
    envelope_encode(&written, &buf);
    ck_assert(!buf.failed);
    ck_assert_int_eq(envelope_decode(arena, buf.data, buf.len, &read, &err), E_OK);
    buf_fini(&buf);
    ck_assert_str_eq(read.request_id, written.request_id);
    ck_assert_str_eq(read.payload, "{\"a\":\"\\u003cb\\u003e\"}"); /* the same JSON, markup escaped */
    ck_assert_str_eq(read.unique_key, written.unique_key);
    ck_assert_str_eq(read.parent_id, written.parent_id);
    ck_assert_int_eq(read.priority, JOB_LOW);
    ck_assert_int_eq(read.run_at_ms, written.run_at_ms);
    ck_assert_int_eq(read.deadline_at_ms, ENVELOPE_TIME_NONE);
}
END_TEST

START_TEST(envelope__that_we_wrote_names_its_job_at_once)
{
    const struct envelope written = {.v = 1,
                                     .job_id = ID_A,
                                     .kind = "noop",
                                     .user_id = ID_B,
                                     .request_id = "",
                                     .payload = "{}",
                                     .run_at_ms = ENVELOPE_TIME_NONE,
                                     .deadline_at_ms = ENVELOPE_TIME_NONE};
    const size_t needed = strlen("{'v':1,'job_id':'" ID_A "','kind':'");
    struct id id = {""};
    struct buf buf;
    buf_init(&buf, 4096);
    envelope_encode(&written, &buf);
    for (size_t len = 0; len <= buf.len; len++)
        ck_assert_int_eq(envelope_peek(buf.data, len, &id), len >= needed);
    ck_assert_str_eq(id.text, ID_A);
    buf.data[needed - 12] = 'x'; /* within the id */
    ck_assert(!envelope_peek(buf.data, buf.len, &id));
    buf_fini(&buf);
}
END_TEST

START_TEST(envelope__of_another_shape_does_not)
{
    static const char *const texts[] = {
        "{\"v\":2,\"job_id\":\"" ID_A "\",\"kind\":\"noop\"}",
        "{\"job_id\":\"" ID_A "\",\"v\":1,\"kind\":\"noop\"}",
        "{ \"v\":1,\"job_id\":\"" ID_A "\",\"kind\":\"noop\"}",
        "{\"v\":1,\"job_id\":\"" ID_A "\",\"job_id\":\"" ID_B "\",\"kind\":\"noop\"}",
    };
    struct id id;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        ck_assert(!envelope_peek(texts[i], strlen(texts[i]), &id));
}
END_TEST

int main(void)
{
    const struct suite_case cases[] = {
        {envelope__reads_version_1, 1},
        {envelope__misses_every_required_member, MEMBERS},
        {envelope__ignores_what_a_later_version_adds, 1},
        {envelope__refuses_what_is_none, sizeof wrong / sizeof wrong[0]},
        {envelope__refuses_a_member_of_the_wrong_shape, sizeof wrong_members / sizeof wrong_members[0]},
        {envelope__refuses_more_than_64_KiB, 1},
        {envelope__is_read_as_it_was_written, 1},
        {envelope__that_we_wrote_names_its_job_at_once, 1},
        {envelope__of_another_shape_does_not, 1},
    };
    make_arena();
    int status = suite_run("envelope", cases, sizeof cases / sizeof cases[0]);
    free_arena();
    return status;
}
