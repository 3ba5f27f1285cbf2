/* SPDX-License-Identifier: Apache-2.0 */
#include "common/media/paths.h"
#include "tests/support/suite.h"

#include <stdio.h>
#include <string.h>

enum
{
    MAX_PATHS = 6
};

static struct arena *arena;
static struct err err;

static void setup(void)
{
    arena = arena_new(16 << 20);
    err = (struct err)ERR_INIT;
}

static void teardown(void)
{
    arena_free(arena);
}

/* part: S37 */
static const struct
{
    const char *given[MAX_PATHS];
    const char *told[MAX_PATHS];
} rows[] = {
    {{"t/a", "t/b"}, {"t/a", "t/b"}},
    {{"t/a.mkv", "t/a.mkv"}, {"t/a.mkv", "t/a (2).mkv"}},
    {{"t/b", "t/a.mkv", "t/a.mkv", "t/a.mkv"}, {"t/b", "t/a.mkv", "t/a (2).mkv", "t/a (3).mkv"}},
    {{"t/a (2).mkv", "t/a.mkv", "t/a.mkv"}, {"t/a (2).mkv", "t/a.mkv", "t/a (3).mkv"}},
    {{"t/a.mkv", "t/a.mkv", "t/a (2).mkv/b"}, {"t/a.mkv", "t/a (3).mkv", "t/a (2).mkv/b"}},
    {{"t/a", "t/a", "t/a (2)", "t/a (2)"}, {"t/a", "t/a (3)", "t/a (2)", "t/a (2) (2)"}},
    {{"t/a", "t/A"}, {"t/a", "t/A"}},
    {{"t/x.y/a", "t/x.y/a"}, {"t/x.y/a", "t/x.y/a (2)"}},
    {{"t/.film", "t/.film"}, {"t/.film", "t/.film (2)"}},
    {{"t/a.", "t/a."}, {"t/a.", "t/a (2)."}},
    {{"t/a/x", "t/a/x", "t/a/y"}, {"t/a/x", "t/a/x (2)", "t/a/y"}},
    {{"t/a.b.c", "t/a.b.c", "t/a.b", "t/a.b"}, {"t/a.b.c", "t/a.b (2).c", "t/a.b", "t/a (2).b"}},
};

START_TEST(paths__that_are_the_same_are_told_apart)
{
    const char *paths[MAX_PATHS];
    size_t count = 0;
    for (; count < MAX_PATHS && rows[_i].given[count] != NULL; count++)
        paths[count] = rows[_i].given[count];
    ck_assert_int_eq(paths_tell_apart(arena, paths, count, &err), E_OK);
    for (size_t i = 0; i < count; i++)
        ck_assert_str_eq(paths[i], rows[_i].told[i]);
}
END_TEST

START_TEST(paths__of_a_file_and_a_folder_are_refused)
{
    const char *paths[] = {"t/a", "t/b", "t/a", "t/a/b"};
    ck_assert_int_eq(paths_tell_apart(arena, paths, 4, &err), E_REFUSED);
    ck_assert_str_eq(err.text, "a file where another file has its folder");
}
END_TEST

START_TEST(paths__that_are_all_the_same_have_a_limit)
{
    const char *paths[PATHS_MAX_RENAMED + 2];
    for (size_t more = 0; more <= 1; more++)
    {
        for (size_t i = 0; i < PATHS_MAX_RENAMED + 2; i++)
            paths[i] = "t/a.mkv";
        enum err_code code = paths_tell_apart(arena, paths, PATHS_MAX_RENAMED + 1 + more, &err);
        ck_assert_int_eq(code, more == 0 ? E_OK : E_REFUSED);
        if (more == 0)
            ck_assert_str_eq(paths[PATHS_MAX_RENAMED], "t/a (1001).mkv");
    }
}
END_TEST

START_TEST(paths__say_when_memory_is_over)
{
    struct arena *small = arena_new(4096);
    const char *paths[PATHS_MAX_RENAMED];
    for (size_t i = 0; i < PATHS_MAX_RENAMED; i++)
        paths[i] = "t/a.mkv";
    ck_assert_int_eq(paths_tell_apart(small, paths, PATHS_MAX_RENAMED, &err), E_NO_MEMORY);
    arena_free(small);
}
END_TEST

int main(void)
{
    const struct suite_case cases[] = {
        {paths__that_are_the_same_are_told_apart, sizeof rows / sizeof rows[0]},
        {paths__of_a_file_and_a_folder_are_refused, 1},
        {paths__that_are_all_the_same_have_a_limit, 1},
        {paths__say_when_memory_is_over, 1},
    };
    return suite_run_with("paths", cases, sizeof cases / sizeof cases[0], setup, teardown);
}
