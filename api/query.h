/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query.h -- the target of a request taken apart: strict percent-decoding, strict queries.
 *
 * Decoded text is valid UTF-8 without control characters NUL to 0x1f.  E_INVALID says what is wrong;
 * E_REFUSED is a %00, which only an attacker sends.  Pure; memory from the arena.
 */
#ifndef SOKOUL_API_QUERY_H
#define SOKOUL_API_QUERY_H

#include "api/request.h"

enum query_plus
{
    PLUS_IS_BLANK, /* in a query */
    PLUS_IS_PLUS   /* in a path */
};

MUST_USE enum err_code query_decode(struct arena *arena, const char *text, size_t len, enum query_plus plus,
                                    const char **out, struct err *err);
/* `text` is what stood after the '?'. A name twice, or more than REQUEST_MAX_QUERY of them: E_INVALID. */
MUST_USE enum err_code query_parse(struct request *req, const char *text, struct err *err);

#endif
