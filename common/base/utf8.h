/* SPDX-License-Identifier: Apache-2.0 */
/*
 * utf8.h -- UTF-8 (RFC 3629) and how it is written inside a JSON string.
 *
 * Over-long forms, surrogates and code points past U+10FFFF are not UTF-8.
 * No memory, never blocks, any thread.
 */
#ifndef SOKOUL_COMMON_BASE_UTF8_H
#define SOKOUL_COMMON_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of the character that starts at `text`, 1 to 4; 0 when there is none within `len`. */
size_t utf8_step(const char *text, size_t len);
bool utf8_valid(const char *text, size_t len);
/* Characters (code points) of a terminated text; a byte that is not UTF-8 counts as one. */
size_t utf8_count(const char *text);
/* Whether valid text has control characters: U+0000 to U+001F, U+007F to U+009F. */
bool utf8_has_controls(const char *text);
/* The largest length <= `len` that does not cut a character in two. */
size_t utf8_cut(const char *text, size_t len);

/* Makes what strangers wrote fit to be kept and shown, in place: control characters become blanks, bytes that
 * are no UTF-8 question marks; a character that was cut at the end goes. */
void utf8_mend(char *text);

/* Whether a character is not seen itself, or changes how its neighbours look: controls of both sets, marks of
 * direction, line ends, joiners, fillers, tags, and all else of no width. */
bool utf8_is_hidden(uint32_t point);
/* False when a character of the text is hidden, or a byte of it is not UTF-8. */
bool utf8_is_plain(const char *text);
/* False when the text begins or ends with a blank of any script. */
bool utf8_is_trimmed(const char *text);

enum
{
    UTF8_JSON_MAX = 6, /* bytes of one escaped character */
    UTF8_SHOW_MAX = 12
};

/* Writes the character at `text` (len > 0) for a terminal: what is hidden becomes \u202e or the pair of it,
 * as JSON has it, so that JSON stays the same; '\n' and '\t' stay.  Returns how many bytes it consumed. */
size_t utf8_show_step(const char *text, size_t len, char out[UTF8_SHOW_MAX], size_t *out_len);

/* Writes the character at `text` (len > 0) as it stands in a JSON string: quotes, controls, '<', '>'
 * and '&' escaped, NUL and broken bytes as U+FFFD.  Returns how many bytes of `text` it consumed. */
size_t utf8_json_step(const char *text, size_t len, char out[UTF8_JSON_MAX], size_t *out_len);

#endif
