/* SPDX-License-Identifier: Apache-2.0 */
/*
 * person.h -- what may be the name and the address of a person who has an account.
 *
 * No memory, never blocks, any thread.
 */
#ifndef SOKOUL_COMMON_BASE_PERSON_H
#define SOKOUL_COMMON_BASE_PERSON_H

#include <stdbool.h>

enum
{
    PERSON_NAME_MIN = 3, /* characters */
    PERSON_NAME_MAX = 32,
    PERSON_EMAIL_MAX = 254
};

/* One '@', a local part of up to 64 characters, a domain of at least two labels; no quoted forms. */
bool person_email_ok(const char *email);
/* No controls, no '@', no blanks at its ends; its length is for the caller to look at. */
bool person_name_ok(const char *name);

#endif
