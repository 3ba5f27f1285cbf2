/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buf.h -- a growing byte buffer with a limit from birth.
 *
 * Caller's storage.  Adding past the limit (or out of memory) adds nothing, sets `failed`
 * and every later add is a no-op, so that a writer checks once at the end.  `data` is always
 * terminated by a NUL that `len` does not count; it is never NULL after buf_init.
 */
#ifndef SOKOUL_COMMON_BASE_BUF_H
#define SOKOUL_COMMON_BASE_BUF_H

#include "common/base/arena.h"
#include "common/base/err.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buf
{
    char *data;
    size_t len;
    size_t cap;
    size_t max;
    bool failed;
};

void buf_init(struct buf *buf, size_t max_bytes);
void buf_fini(struct buf *buf);
void buf_clear(struct buf *buf); /* keeps the memory, forgets the failure */
void buf_add(struct buf *buf, const void *bytes, size_t len);
void buf_add_char(struct buf *buf, char c);
void buf_add_text(struct buf *buf, const char *text);
void buf_addf(struct buf *buf, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_vaddf(struct buf *buf, const char *fmt, va_list args) PRINTF_LIKE(2, 0);
/* A copy in the arena; the buffer is freed. NULL if it failed, or the arena is full. */
char *buf_keep(struct buf *take, struct arena *arena);

#endif
