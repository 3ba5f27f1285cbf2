/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/exit.h"

#include <stdio.h>

int exit_status(enum err_code code, enum verdict verdict, const struct err *err)
{
    if (code == E_OK)
        return verdict == VERDICT_GOOD ? 0 : 1;
    fprintf(stderr, "sokoulctl: %s\n", err->text[0] != '\0' ? err->text : err_title(code));
    return err_exit(code);
}
