/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bencode.h -- reading bencoded bytes (BEP 3) in place.
 *
 * bencode_open checks the whole input once, without memory and without recursion; after that a
 * value is a slice of the input and the functions below cannot fail on it but by type.
 *
 * Strict: no leading zeros, no "-0", integers fit 64 bits, keys of a dictionary are texts and two
 * neighbours are never equal.  Keys out of order are tolerated (old programs wrote them); the
 * first of a name counts.  Line ends after the value are tolerated, other bytes are not.
 *
 * Ownership: values borrow the input.  Blocks never.  Any thread.
 */
#ifndef SOKOUL_COMMON_MEDIA_BENCODE_H
#define SOKOUL_COMMON_MEDIA_BENCODE_H

#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum
{
    BENCODE_MAX_DEPTH = 100,
    BENCODE_MAX_TOKENS = 2000000 /* values and keys, all together */
};

/* One whole value: exactly the bytes that encode it. */
struct bencode
{
    const char *at;
    size_t len;
};

struct bencode_text
{
    const char *at; /* not terminated; may hold any byte */
    size_t len;
};

/* E_INVALID: not bencoded, the text says what and at which byte.  E_REFUSED: too deep, too many values. */
MUST_USE enum err_code bencode_open(const void *bytes, size_t len, struct bencode *root, struct err *err);

bool bencode_is_dict(struct bencode value);
bool bencode_is_list(struct bencode value);
bool bencode_int(struct bencode value, int64_t *number);
bool bencode_text(struct bencode value, struct bencode_text *text);

/* The keys of each dictionary in it are in order and none is there twice: version 2 insists on it. */
bool bencode_is_sorted(struct bencode value);

/* The member of that name; false when `dict` is no dictionary or has none. */
bool bencode_find(struct bencode dict, const char *key, struct bencode *value);
bool bencode_find_int(struct bencode dict, const char *key, int64_t *number);
bool bencode_find_text(struct bencode dict, const char *key, struct bencode_text *text);

/* Walks a list or a dictionary; of anything else there is no next. */
struct bencode_iter
{
    const char *at;
    const char *end;
};

struct bencode_iter bencode_iter(struct bencode value);
bool bencode_next(struct bencode_iter *iter, struct bencode *value);
bool bencode_next_pair(struct bencode_iter *iter, struct bencode_text *key, struct bencode *value);

#endif
