/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/buf.h"
#include "tests/support/suite.h"

#include <stdlib.h>
#include <string.h>

START_TEST(buf__is_an_empty_text_from_birth)
{
    struct buf buf;
    buf_init(&buf, 10);
    ck_assert_str_eq(buf.data, "");
    ck_assert_uint_eq(buf.len, 0);
    buf_fini(&buf);
    ck_assert_str_eq(buf.data, "");
}
END_TEST

START_TEST(buf__grows_by_all_kinds_of_adding)
{
    struct buf buf;
    buf_init(&buf, 1000);
    buf_add_text(&buf, "abc");
    buf_add_char(&buf, 'd');
    buf_add(&buf, "e\0f", 3);
    buf_addf(&buf, "%d|%s", 42, "x");
    ck_assert(!buf.failed);
    ck_assert_uint_eq(buf.len, 11);
    ck_assert_mem_eq(buf.data, "abcde\0f42|x", 12);
    buf_fini(&buf);
}
END_TEST

START_TEST(buf__adds_nothing_past_its_limit)
{
    struct buf buf;
    buf_init(&buf, 5);
    buf_add_text(&buf, "12345");
    ck_assert(!buf.failed);
    buf_add_char(&buf, '6');
    ck_assert(buf.failed);
    ck_assert_str_eq(buf.data, "12345");
    buf_clear(&buf);
    buf_addf(&buf, "%s", "123456");
    ck_assert(buf.failed);
    ck_assert_str_eq(buf.data, "");
    buf_add_text(&buf, "1");
    ck_assert_str_eq(buf.data, "");
    buf_fini(&buf);
}
END_TEST

START_TEST(buf__takes_large_texts_in_many_steps)
{
    struct buf buf;
    buf_init(&buf, 1 << 20);
    for (int i = 0; i < 100000; i++)
        buf_add_text(&buf, "0123456789");
    ck_assert(!buf.failed);
    ck_assert_uint_eq(buf.len, 1000000);
    ck_assert_uint_eq(strlen(buf.data), 1000000);
    buf_fini(&buf);
}
END_TEST

START_TEST(buf__is_kept_in_an_arena)
{
    struct buf buf;
    struct arena *arena = arena_new(1 << 16);
    buf_init(&buf, 100);
    buf_add_text(&buf, "mine");
    ck_assert_str_eq(buf_keep(&buf, arena), "mine");
    ck_assert_uint_eq(buf.len, 0);
    ck_assert_str_eq(buf_keep(&buf, arena), "");
    buf_init(&buf, 1);
    buf_add_text(&buf, "too long");
    ck_assert_ptr_null(buf_keep(&buf, arena));
    arena_free(arena);
}
END_TEST

int main(void)
{
    struct suite_case cases[] = {
        {buf__is_an_empty_text_from_birth, 1}, {buf__grows_by_all_kinds_of_adding, 1},
        {buf__adds_nothing_past_its_limit, 1}, {buf__takes_large_texts_in_many_steps, 1},
        {buf__is_kept_in_an_arena, 1},
    };
    return suite_run("buf", cases, sizeof cases / sizeof cases[0]);
}
