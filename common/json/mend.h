/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mend.h -- makes the answer of a stranger fit for the strict scan, at the cost of what does not fit.
 *
 * A text with \u0000, half a surrogate or bytes that are not UTF-8, a number that no double holds, and
 * whatever is nested too deeply are overwritten, in place, by an empty text and blanks: nothing moves, so
 * the rest stays as it was written.  A byte order mark before it goes without a word.  What breaks the
 * grammar between the values is left for the scan to refuse, and so is a text that is nothing but one bad
 * value.
 *
 * Blocks never, any thread.
 */
#ifndef SOKOUL_COMMON_JSON_MEND_H
#define SOKOUL_COMMON_JSON_MEND_H

#include <stddef.h>

/* How many values were lost. */
size_t mend_json(char *text, size_t len);

#endif
