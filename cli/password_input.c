/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/password_input.h"

#include "common/crypt/digest.h"

#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static enum err_code read_line(char password[PASSWORD_INPUT_SIZE], struct err *err)
{
    if (fgets(password, PASSWORD_INPUT_SIZE, stdin) == NULL)
        return fail(err, E_USAGE, "no password came on standard input");
    size_t len = strcspn(password, "\n");
    if (len == PASSWORD_INPUT_SIZE - 1)
        return fail(err, E_INVALID, "the password is longer than %d bytes", PASSWORD_MAX_BYTES);
    password[len] = '\0';
    if (len > 0 && password[len - 1] == '\r')
        password[--len] = '\0';
    if (len < PASSWORD_MIN_BYTES)
        return fail(err, E_INVALID, "the password must have at least %d characters", PASSWORD_MIN_BYTES);
    return E_OK;
}

static enum err_code ask(const char *question, char password[PASSWORD_INPUT_SIZE], struct err *err)
{
    struct termios seen;
    if (tcgetattr(STDIN_FILENO, &seen) != 0)
        return fail(err, E_USAGE, "cannot ask for a password here; use --password-stdin");
    struct termios unseen = seen;
    unseen.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &unseen); /* before the question: what is typed early is dropped */
    fprintf(stderr, "%s: ", question);
    enum err_code code = read_line(password, err);
    tcsetattr(STDIN_FILENO, TCSADRAIN, &seen);
    fputc('\n', stderr);
    return code;
}

enum err_code password_input(enum password_source source, char password[PASSWORD_INPUT_SIZE], struct err *err)
{
    char again[PASSWORD_INPUT_SIZE];
    if (source == PASSWORD_STDIN || isatty(STDIN_FILENO) == 0)
        return read_line(password, err);
    enum err_code code = ask("Password", password, err);
    if (code == E_OK)
        code = ask("Once more", again, err);
    if (code == E_OK && strcmp(password, again) != 0)
        code = fail(err, E_USAGE, "the two passwords differ");
    secret_wipe(again, sizeof again);
    return code;
}
