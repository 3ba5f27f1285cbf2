/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/exit.h"

#include "cli/session.h"

#include <stdio.h>
#include <string.h>

int exit_status(enum err_code code, enum verdict verdict, const struct err *err)
{
    if (code == E_OK)
        return verdict == VERDICT_GOOD ? 0 : 1;
    const char *text = err->text[0] != '\0' ? err->text : err_title(code);
    fputs("sokoulctl: ", stderr);
    (void)session_write(stderr, text, strlen(text));
    fputc('\n', stderr);
    return err_exit(code);
}
