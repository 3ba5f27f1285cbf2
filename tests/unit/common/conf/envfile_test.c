/* SPDX-License-Identifier: Apache-2.0 */
#include "common/conf/envfile.h"

#include "tests/support/suite.h"

#include <string.h>

static struct arena *arena;

static enum err_code parse(const char *text, struct envfile *file, struct err *err)
{
    arena = arena_new(1 << 20);
    return envfile_parse(arena, "f", arena_strdup(arena, text), file, err);
}

/* Each text sets A, or nothing where the value is NULL. */
static const struct
{
    const char *text;
    const char *value;
} good[] = {
    {"A=b", "b"},
    {"A=b\r\n", "b"},
    {"# c\n\n  \nA=b\n", "b"},
    {"export A=b", "b"},
    {"  A = b  ", "b"},
    {"A=", ""},
    {"A=\"\"", ""},
    {"A=b # c", "b"},
    {"A=#c", ""},
    {"A=b#c", "b#c"},
    {"A=b=c", "b=c"},
    {"A=\"b # c\" # d", "b # c"},
    {"A=\"b \\\"c\\\" \\\\\"", "b \"c\" \\"},
    {"A='b \\ \"c\"'", "b \\ \"c\""},
    {"A='b'\r", "b"},
    {"A=b\nA=c", "c"},
    {"", NULL},
    {"#A=b", NULL},
    {"AA=b", NULL},
};

START_TEST(envfile__reads_what_people_write)
{
    struct envfile file;
    struct err err = ERR_INIT;
    ck_assert_msg(parse(good[_i].text, &file, &err) == E_OK, "%s", err.text);
    const char *value = envfile_get(&file, "A");
    if (good[_i].value == NULL)
        ck_assert_ptr_null(value);
    else
        ck_assert_str_eq(value, good[_i].value);
}
END_TEST

static const struct
{
    const char *text;
    const char *complaint;
} bad[] = {
    {"A=b\nB", "f:2: NAME=value expected"},       {"=b", "f:1: a name is letters"},
    {"1A=b", "f:1: a name is letters"},           {"A-B=c", "f:1: a name is letters"},
    {"A B=c", "f:1: a name is letters"},          {"A=\"b", "f:1: the quotes do not match"},
    {"A='b\" c", "f:1: the quotes do not match"}, {"A=\"b\"c", "f:1: the quotes do not match"},
    {"A=\"b\\", "f:1: the quotes do not match"},
};

START_TEST(envfile__names_the_line_it_cannot_read)
{
    struct envfile file;
    struct err err = ERR_INIT;
    ck_assert_int_eq(parse(bad[_i].text, &file, &err), E_CONFIG);
    ck_assert_msg(strstr(err.text, bad[_i].complaint) != NULL, "%s", err.text);
}
END_TEST

START_TEST(envfile__refuses_what_is_no_small_text_file)
{
    arena = arena_new(16 << 20);
    struct envfile file;
    struct err err = ERR_INIT;
    ck_assert_int_eq(envfile_read(arena, "/nonexistent/x.env", &file, &err), E_NOT_FOUND);
    ck_assert_int_eq(envfile_read(arena, "/", &file, &err), E_CONFIG);
    ck_assert_int_eq(envfile_read(arena, "/dev/zero", &file, &err), E_CONFIG);
    arena_free(arena);
}
END_TEST

int main(void)
{
    struct suite_case cases[] = {
        {envfile__reads_what_people_write, sizeof good / sizeof good[0]},
        {envfile__names_the_line_it_cannot_read, sizeof bad / sizeof bad[0]},
        {envfile__refuses_what_is_no_small_text_file, 1},
    };
    return suite_run("envfile", cases, sizeof cases / sizeof cases[0]);
}
