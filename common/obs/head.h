/* SPDX-License-Identifier: Apache-2.0 */
/*
 * head.h -- whether bytes are the head of a request, letter by letter (RFC 9112).
 *
 * For the listener beside a worker, which answers one request and closes, so that no second request can hide
 * behind a head.  A head that a proxy would read otherwise than we do is refused.
 * Pure.
 */
#ifndef SOKOUL_COMMON_OBS_HEAD_H
#define SOKOUL_COMMON_OBS_HEAD_H

#include <stdbool.h>
#include <stddef.h>

enum head_state
{
    HEAD_PART, /* it goes on */
    HEAD_WHOLE,
    HEAD_BROKEN /* a zero byte, a line without CRLF, no request line, a line that is no header */
};

enum head_state head_look(const char *bytes, size_t len);

#endif
