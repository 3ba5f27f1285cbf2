/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text.h -- reading names that strangers wrote: UTF-8, or meant to be.
 *
 * Broken bytes are never an error here: they read as U+FFFD, one byte at a time.
 *
 * Memory: the caller's or the arena's.  Blocks never.  Any thread.
 */
#ifndef SOKOUL_COMMON_MEDIA_TEXT_H
#define SOKOUL_COMMON_MEDIA_TEXT_H

#include "common/base/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TEXT_BROKEN UINT32_C(0xFFFD)

/* The code point at *at, which moves on; *at must be before end. */
uint32_t text_next(const char **at, const char *end);

/* Control characters, and the marks that turn the direction of writing: with these "gpj.exe" can be made to
 * look like "exe.jpg". */
bool text_is_control(uint32_t point);
bool text_turns(uint32_t point);

/* A copy in which broken bytes are U+FFFD; NULL when the arena is full. */
char *text_clean(struct arena *arena, const char *text, size_t len);

#endif
