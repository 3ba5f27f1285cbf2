/* SPDX-License-Identifier: Apache-2.0 */
/*
 * strength.h -- the door to zxcvbn: how soon a password would be guessed.
 *
 * It knows the passwords, names and words that people use most, how they are bent (letters for digits, rows
 * of keys, dates, repeats), and the words that a guesser knows of this person.  Its lists are inside the
 * library: no file is read.  Any thread; no shared state; works for some milliseconds.
 */
#ifndef SOKOUL_COMMON_CRYPT_STRENGTH_H
#define SOKOUL_COMMON_CRYPT_STRENGTH_H

#include "common/base/err.h"

enum
{
    STRENGTH_BITS =
        20, /* about a million guesses, what a login that is throttled can be tried within a year */
    STRENGTH_MAX_WORDS = 8,
    STRENGTH_LOOK_BYTES = 100 /* of a longer password only the beginning is judged */
};

/* E_INVALID: too easy to guess; the text says why, to stand behind the word "password".  `words`: up to
 * STRENGTH_MAX_WORDS, NULL ones are left out. */
MUST_USE enum err_code strength_check(const char *password, const char *const *words, int count,
                                      struct err *err);

#endif
