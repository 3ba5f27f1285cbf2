/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/arena.h"
#include "tests/support/suite.h"

#include <stdint.h>
#include <string.h>

static int ran[8];
static int runs;

static void note(void *thing)
{
    ran[runs++] = *(int *)thing;
}

START_TEST(arena__gives_zeroed_aligned_memory)
{
    struct arena *arena = arena_new(1 << 20);
    for (size_t size = 1; size < 300; size++)
    {
        unsigned char *at = arena_alloc(arena, size);
        ck_assert_ptr_nonnull(at);
        ck_assert_uint_eq((uintptr_t)at % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++)
            ck_assert_uint_eq(at[i], 0);
        memset(at, 0xff, size);
    }
    arena_free(arena);
}
END_TEST

START_TEST(arena__is_zeroed_again_after_a_reset)
{
    struct arena *arena = arena_new(1 << 20);
    memset(arena_alloc(arena, 1000), 0xff, 1000);
    arena_reset(arena);
    const unsigned char *at = arena_alloc(arena, 1000);
    for (size_t i = 0; i < 1000; i++)
        ck_assert_uint_eq(at[i], 0);
    arena_free(arena);
}
END_TEST

START_TEST(arena__fails_past_its_limit_until_reset)
{
    struct arena *arena = arena_new(64 * 1024);
    size_t got = 0;
    while (arena_alloc(arena, 1000) != NULL)
        got += 1000;
    ck_assert_uint_gt(got, 50 * 1024);
    ck_assert_uint_le(arena_used_bytes(arena), 64 * 1024);
    ck_assert(arena_failed(arena));
    arena_reset(arena);
    ck_assert(!arena_failed(arena));
    ck_assert_ptr_nonnull(arena_alloc(arena, 1000));
    arena_free(arena);
}
END_TEST

START_TEST(arena__refuses_sizes_that_overflow)
{
    struct arena *arena = arena_new(1 << 20);
    ck_assert_ptr_null(arena_array(arena, SIZE_MAX / 2, 3));
    ck_assert(arena_failed(arena));
    arena_reset(arena);
    ck_assert_ptr_null(arena_alloc(arena, SIZE_MAX));
    ck_assert(arena_failed(arena));
    ck_assert_ptr_nonnull(arena_array(arena, 10, 0));
    arena_free(arena);
}
END_TEST

START_TEST(arena__copies_and_formats_texts)
{
    struct arena *arena = arena_new(1 << 20);
    char text[] = "hello";
    char *copy = arena_strdup(arena, text);
    text[0] = 'j';
    ck_assert_str_eq(copy, "hello");
    ck_assert_str_eq(arena_strndup(arena, "hello", 2), "he");
    ck_assert_ptr_null(arena_strdup(arena, NULL));
    ck_assert_str_eq(arena_printf(arena, "%s-%d", "a", 7), "a-7");
    arena_free(arena);
}
END_TEST

START_TEST(arena__runs_what_was_deferred_latest_first)
{
    int one = 1;
    int two = 2;
    struct arena *arena = arena_new(1 << 20);
    ck_assert(arena_defer(arena, note, &one));
    ck_assert(arena_defer(arena, note, &two));
    arena_reset(arena);
    ck_assert_int_eq(runs, 2);
    ck_assert_int_eq(ran[0], 2);
    ck_assert_int_eq(ran[1], 1);
    arena_free(arena);
    ck_assert_int_eq(runs, 2);
}
END_TEST

START_TEST(arena__runs_at_once_what_it_cannot_keep)
{
    int three = 3;
    struct arena *arena = arena_new(4096);
    while (arena_alloc(arena, 16) != NULL)
        continue;
    ck_assert(!arena_defer(arena, note, &three));
    ck_assert_int_eq(runs, 1);
    arena_free(arena);
    arena_free(NULL);
    ck_assert_int_eq(runs, 1);
}
END_TEST

int main(void)
{
    struct suite_case cases[] = {
        {arena__gives_zeroed_aligned_memory, 1},      {arena__is_zeroed_again_after_a_reset, 1},
        {arena__fails_past_its_limit_until_reset, 1}, {arena__refuses_sizes_that_overflow, 1},
        {arena__copies_and_formats_texts, 1},         {arena__runs_what_was_deferred_latest_first, 1},
        {arena__runs_at_once_what_it_cannot_keep, 1},
    };
    return suite_run("arena", cases, sizeof cases / sizeof cases[0]);
}
