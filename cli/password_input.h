/* SPDX-License-Identifier: Apache-2.0 */
/*
 * password_input.h -- a password from a person or a pipe, never from the command line.
 *
 * On a terminal it is asked for twice, unseen; otherwise it is the first line of standard
 * input.  Blocks.  The caller wipes it.  One thread.
 */
#ifndef SOKOUL_CLI_PASSWORD_INPUT_H
#define SOKOUL_CLI_PASSWORD_INPUT_H

#include "common/base/err.h"
#include "common/crypt/password.h"

enum
{
    PASSWORD_INPUT_SIZE = PASSWORD_MAX_BYTES + 2,
    PASSWORD_MIN_BYTES = 8
};

enum password_source
{
    PASSWORD_ASK, /* on a terminal; a pipe is read all the same */
    PASSWORD_STDIN
};

/* E_INVALID: too short or too long.  E_USAGE: nothing came, or the second was another. */
MUST_USE enum err_code password_input(enum password_source source, char password[PASSWORD_INPUT_SIZE],
                                      struct err *err);

#endif
