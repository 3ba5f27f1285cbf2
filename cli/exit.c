/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/exit.h"

#include "cli/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In one piece: the writer of the log has the same file, and stderr has no buffer. */
static void say(const char *text)
{
    char *line = NULL;
    size_t len = 0;
    FILE *whole = open_memstream(&line, &len);
    if (whole == NULL)
        return;
    fputs("sokoulctl: ", whole);
    (void)session_write(whole, text, strlen(text));
    fputc('\n', whole);
    if (fclose(whole) == 0)
        fwrite(line, 1, len, stderr);
    free(line);
}

int exit_status(enum err_code code, enum verdict verdict, const struct err *err)
{
    if (code == E_OK)
        return verdict == VERDICT_GOOD ? 0 : 1;
    say(err->text[0] != '\0' ? err->text : err_title(code));
    return err_exit(code);
}
