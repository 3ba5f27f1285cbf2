/* SPDX-License-Identifier: Apache-2.0 */
#include "common/crypt/strength.h"

#include <stdio.h>
#include <string.h>
#include <zxcvbn.h>

/* What makes it weak, of the part that tells the most. */
static const char *reason_of(ZxcTypeMatch_t type)
{
    switch ((unsigned)type & ~(unsigned)MULTIPLE_MATCH)
    {
    case DICTIONARY_MATCH:
    case DICT_LEET_MATCH:
        return "is among the most common ones, or made of few common words";
    case USER_MATCH:
    case USER_LEET_MATCH:
        return "is too much like the name or the address of the account";
    case REPEATS_MATCH:
    case SEQUENCE_MATCH:
    case SPATIAL_MATCH:
        return "is a repetition, or a row of letters, digits or keys";
    case DATE_MATCH:
    case YEAR_MATCH:
        return "is little more than a date";
    default:
        return "is too short for what it is made of";
    }
}

static const ZxcMatch_t *longest(const ZxcMatch_t *parts)
{
    const ZxcMatch_t *found = parts;
    for (const ZxcMatch_t *part = parts; part != NULL; part = part->Next)
        if (part->Length > found->Length)
            found = part;
    return found;
}

enum err_code strength_check(const char *password, const char *const *words, int count, struct err *err)
{
    char start[STRENGTH_LOOK_BYTES + 1];
    const char *known[STRENGTH_MAX_WORDS + 1] = {NULL};
    int used = 0;
    ZxcMatch_t *parts = NULL;
    snprintf(start, sizeof start, "%s", password);
    for (int i = 0; i < count && used < STRENGTH_MAX_WORDS; i++)
        if (words[i] != NULL && words[i][0] != '\0')
            known[used++] = words[i];
    const double bits = ZxcvbnMatch(start, known, &parts);
    const ZxcMatch_t *worst = longest(parts);
    const char *reason = worst != NULL ? reason_of(worst->Type) : reason_of(NON_MATCH);
    ZxcvbnFreeInfo(parts);
    explicit_bzero(start, sizeof start);
    if (bits >= STRENGTH_BITS)
        return E_OK;
    return fail(err, E_INVALID, "%s: it would soon be guessed; take some words more", reason);
}
