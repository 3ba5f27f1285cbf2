/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum
{
    MAX_WORDS = 8
};

static struct arena *arena;
static struct options options;
static struct err err;

static void setup(void)
{
    arena = arena_new(1 << 20);
    ck_assert_ptr_nonnull(arena);
    err = (struct err)ERR_INIT;
}

static void teardown(void)
{
    arena_free(arena);
}

/* Reads "sokoulctl" and the words up to NULL. */
static enum err_code read_words(const char *const words[MAX_WORDS])
{
    char *argv[MAX_WORDS + 1] = {arena_strdup(arena, "sokoulctl")};
    int argc = 1;
    for (; argc <= MAX_WORDS && words[argc - 1] != NULL; argc++)
        argv[argc] = arena_strdup(arena, words[argc - 1]);
    return options_read(arena, argc, argv, &options, &err);
}

static const struct
{
    const char *words[MAX_WORDS];
    const char *limit; /* value of --limit afterwards */
    size_t word_count;
} good[] = {
    {{"job", "ls"}, NULL, 2},
    {{"job", "ls", "--limit", "5"}, "5", 2},
    {{"--limit=5", "job", "ls"}, "5", 2},
    {{"job", "--limit", "5", "ls"}, "5", 2},
    {{"--limit="}, "", 0},
    {{"--limit", "--json"}, "--json", 0},
    {{"--", "--limit", "5"}, NULL, 2},
    {{"-", "a"}, NULL, 2},
    {{NULL}, NULL, 0},
};

START_TEST(options__are_read_before_and_after_words)
{
    ck_assert_int_eq(read_words(good[_i].words), E_OK);
    ck_assert_pstr_eq(option_text(&options, OPTION_LIMIT, NULL), good[_i].limit);
    ck_assert_uint_eq(options.word_count, good[_i].word_count);
}
END_TEST

static const struct
{
    const char *words[MAX_WORDS];
    const char *says;
} bad[] = {
    {{"--fly"}, "unknown option --fly"},
    {{"--limi", "5"}, "unknown option --limi"},
    {{"-l"}, "unknown option -l"},
    {{"--limit"}, "--limit needs a value: N"},
    {{"--limit=1", "--limit=2"}, "--limit was given twice"},
    {{"--json", "--json"}, "--json was given twice"},
    {{"--json=1"}, "--json takes no value"},
    {{"--="}, "unknown option"},
};

START_TEST(options__refuse_what_they_do_not_know)
{
    ck_assert_int_eq(read_words(bad[_i].words), E_USAGE);
    ck_assert_ptr_nonnull(strstr(err.text, bad[_i].says));
}
END_TEST

START_TEST(options__that_a_verb_does_not_take_are_named)
{
    ck_assert_int_eq(read_words((const char *[MAX_WORDS]){"--json", "--rate", "5"}), E_OK);
    ck_assert_int_eq(options_check(&options, OPTION_BIT(JSON) | OPTION_BIT(RATE), "job ls", &err), E_OK);
    ck_assert_int_eq(options_check(&options, OPTION_BIT(JSON), "job ls", &err), E_USAGE);
    ck_assert_ptr_nonnull(strstr(err.text, "job ls does not take --rate"));
}
END_TEST

static const struct
{
    const char *text;
    enum err_code code;
    int64_t value;
} numbers[] = {
    {"1", E_OK, 1},      {"10", E_OK, 10},   {"0", E_USAGE, 7},
    {"11", E_USAGE, 7},  {"", E_USAGE, 7},   {"1.5", E_USAGE, 7},
    {" 1", E_USAGE, 7},  {"1x", E_USAGE, 7}, {"99999999999999999999", E_USAGE, 7},
    {"0x1", E_USAGE, 7}, {"-1", E_USAGE, 7}, {"+1", E_USAGE, 7},
};

START_TEST(options__numbers_are_whole_and_within_their_range)
{
    int64_t value = 7;
    ck_assert_int_eq(read_words((const char *[MAX_WORDS]){"--limit", numbers[_i].text}), E_OK);
    ck_assert_int_eq(option_number(&options, OPTION_LIMIT, 1, 10, &value, &err), numbers[_i].code);
    ck_assert_int_eq(value, numbers[_i].value);
}
END_TEST

START_TEST(options__a_number_that_was_not_given_stays)
{
    int64_t value = 7;
    ck_assert_int_eq(read_words((const char *[MAX_WORDS]){NULL}), E_OK);
    ck_assert_int_eq(option_number(&options, OPTION_LIMIT, 1, 10, &value, &err), E_OK);
    ck_assert_int_eq(value, 7);
}
END_TEST

START_TEST(options__have_names_that_differ)
{
    for (int i = 0; i < OPTIONS; i++)
        for (int j = i + 1; j < OPTIONS; j++)
            ck_assert_str_ne(option_name((enum option)i), option_name((enum option)j));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("options");
    TCase *tests = tcase_create("options");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, options__are_read_before_and_after_words, 0, sizeof good / sizeof good[0]);
    tcase_add_loop_test(tests, options__refuse_what_they_do_not_know, 0, sizeof bad / sizeof bad[0]);
    tcase_add_test(tests, options__that_a_verb_does_not_take_are_named);
    tcase_add_loop_test(tests, options__numbers_are_whole_and_within_their_range, 0,
                        sizeof numbers / sizeof numbers[0]);
    tcase_add_test(tests, options__a_number_that_was_not_given_stays);
    tcase_add_test(tests, options__have_names_that_differ);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
