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

/* An address to which a mail can be sent (RFC 5321): one '@', a local part of up to 64 characters, a domain
 * of two labels or more, or localhost; ASCII, no quoted forms, and no domain that is reserved for having no
 * mail. */
bool person_email_ok(const char *email);
/* Nothing that is not seen (utf8_is_hidden), no '@', no blanks at its ends; its length is for the caller to
 * look at. */
bool person_name_ok(const char *name);

#endif
