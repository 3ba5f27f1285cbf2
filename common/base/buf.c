/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char nothing[1]; /* what an empty buffer shows; never written */

void buf_init(struct buf *buf, size_t max_bytes)
{
    *buf = (struct buf){.data = nothing, .max = max_bytes};
}

void buf_fini(struct buf *buf)
{
    if (buf->cap > 0)
        free(buf->data);
    buf_init(buf, buf->max);
}

void buf_clear(struct buf *buf)
{
    buf->len = 0;
    buf->failed = false;
    if (buf->cap > 0)
        buf->data[0] = '\0';
}

static bool reserve(struct buf *buf, size_t more)
{
    if (buf->failed || more > buf->max - buf->len)
        buf->failed = true;
    if (buf->failed)
        return false;
    size_t need = buf->len + more + 1;
    if (need <= buf->cap)
        return true;
    size_t cap = buf->cap < 64 ? 64 : buf->cap;
    while (cap < need)
        cap *= 2;
    char *data = realloc(buf->cap > 0 ? buf->data : NULL, cap);
    if (data == NULL)
    {
        buf->failed = true;
        return false;
    }
    buf->data = data;
    buf->cap = cap;
    return true;
}

void buf_add(struct buf *buf, const void *bytes, size_t len)
{
    if (len == 0 || !reserve(buf, len))
        return;
    memcpy(buf->data + buf->len, bytes, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
}

void buf_add_char(struct buf *buf, char c)
{
    buf_add(buf, &c, 1);
}

void buf_add_text(struct buf *buf, const char *text)
{
    buf_add(buf, text, strlen(text));
}

void buf_vaddf(struct buf *buf, const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    if (len > 0 && reserve(buf, (size_t)len))
    {
        vsnprintf(buf->data + buf->len, (size_t)len + 1, fmt, again);
        buf->len += (size_t)len;
    }
    va_end(again);
}

void buf_addf(struct buf *buf, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    buf_vaddf(buf, fmt, args);
    va_end(args);
}

char *buf_keep(struct buf *take, struct arena *arena)
{
    char *text = take->failed ? NULL : arena_strndup(arena, take->data, take->len);
    buf_fini(take);
    return text;
}
