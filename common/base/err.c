/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/err.h"

#include "common/base/utf8.h"

#include <stdarg.h>
#include <stdio.h>

struct row
{
    int http;
    enum err_job job;
    int exit;
    const char *reason;
    const char *title;
};

static const struct row rows[E_COUNT] = {
#define X(name, http, job, exit, reason, title) [E_##name] = {http, ERR_JOB_##job, exit, reason, title},
    ERR_TABLE(X)
#undef X
};

enum err_code err_set(struct err *err, enum err_code code, const char *file, int line, const char *fmt, ...)
{
    if (err == NULL)
        return code;
    err->code = code;
    err->file = file;
    err->line = line;
    err->retry_after_s = 0;
    va_list args;
    va_start(args, fmt);
    vsnprintf(err->text, sizeof err->text, fmt, args);
    va_end(args);
    utf8_mend(err->text);
    return code;
}

static const struct row *row_of(enum err_code code)
{
    return code < E_COUNT ? &rows[code] : &rows[E_BUG];
}

int err_http(enum err_code code)
{
    return row_of(code)->http;
}

enum err_job err_job(enum err_code code)
{
    return row_of(code)->job;
}

int err_exit(enum err_code code)
{
    return row_of(code)->exit;
}

const char *err_reason(enum err_code code)
{
    return row_of(code)->reason;
}

const char *err_title(enum err_code code)
{
    return row_of(code)->title;
}
