/* SPDX-License-Identifier: Apache-2.0 */
#include "common/conf/args.h"

#include "tests/support/suite.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum
{
    MOST = 4
};

static const struct
{
    const char *argv[MOST];
    bool go_on;
    int status;
    const char *env_file;
} rows[] = {
    {{"/bin/prog"}, true, 0, NULL},
    {{"prog", "--env-file", "x.env"}, true, 0, "x.env"},
    {{"prog", "--env-file=x.env"}, true, 0, "x.env"},
    {{"prog", "--help"}, false, 0, NULL},
    {{"prog", "--version"}, false, 0, NULL},
    {{"prog", "--env-file"}, false, 64, NULL},
    {{"prog", "--env-file", ""}, false, 64, NULL},
    {{"prog", "--env-file="}, false, 64, NULL},
    {{"prog", "--bad"}, false, 64, NULL},
    {{"prog", "word"}, false, 64, NULL},
    {{"prog", "-h"}, false, 64, NULL},
};

START_TEST(args__are_few_and_anything_else_is_usage)
{
    char copies[MOST][32] = {""};
    char *argv[MOST + 1] = {NULL};
    int argc = 0;
    for (; argc < MOST && rows[_i].argv[argc] != NULL; argc++)
    {
        strcpy(copies[argc], rows[_i].argv[argc]);
        argv[argc] = copies[argc];
    }
    int nowhere = open("/dev/null", O_WRONLY);
    ck_assert_int_ge(dup2(nowhere, STDERR_FILENO), 0);
    struct args args;
    int status = 99;
    ck_assert_int_eq(args_read(argc, argv, "A test.", &args, &status), rows[_i].go_on);
    ck_assert_int_eq(status, rows[_i].status);
    if (rows[_i].env_file == NULL)
        ck_assert(!rows[_i].go_on || args.env_file == NULL);
    else
        ck_assert_str_eq(args.env_file, rows[_i].env_file);
}
END_TEST

int main(void)
{
    struct suite_case cases[] = {{args__are_few_and_anything_else_is_usage, sizeof rows / sizeof rows[0]}};
    return suite_run("args", cases, sizeof cases / sizeof cases[0]);
}
