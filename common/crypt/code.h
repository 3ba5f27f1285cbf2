/* SPDX-License-Identifier: Apache-2.0 */
/*
 * code.h -- secrets that people copy by hand: set-up codes and invitations.
 *
 * 125 random bits as 25 letters and digits that cannot be taken for one another, five by five; case, dashes
 * and blanks do not matter.  Only the digest is stored.  Any thread; never blocks.
 */
#ifndef SOKOUL_COMMON_CRYPT_CODE_H
#define SOKOUL_COMMON_CRYPT_CODE_H

#include "common/crypt/digest.h"

enum
{
    CODE_SIZE = 30,
    CODE_TEXT_MAX = 64 /* as people type it */
};

struct code
{
    char text[CODE_SIZE]; /* "7K2QM-…" */
};

struct code code_new(void);
/* What is stored and looked up.  False: the text cannot be one of ours. */
bool code_digest(const char *text, struct digest *digest);

#endif
