/* SPDX-License-Identifier: Apache-2.0 */
/*
 * id.h -- identifiers: UUID version 7 (RFC 9562, section 5.7), as text.
 *
 * Every id in the product is lower-case text of 36 characters.  Ids made by one process
 * rise strictly: the 74 random bits continue within a millisecond.  Any thread.
 */
#ifndef SOKOUL_COMMON_BASE_ID_H
#define SOKOUL_COMMON_BASE_ID_H

#include <stdbool.h>

enum
{
    ID_LEN = 36,
    ID_SIZE = 37
};

struct id
{
    char text[ID_SIZE];
};

/* Jobs that belong to no person are this user's. */
#define ID_SYSTEM_USER "00000000-0000-0000-0000-000000000000"

struct id id_new(void);
/* Any UUID of 36 characters; upper case is lowered.  False: not a UUID. */
bool id_parse(const char *text, struct id *id);

#endif
