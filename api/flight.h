/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flight.h -- how many requests are in flight, and waiting until there are none.
 * Whoever leaves waits for those that were there first: newcomers, who may come without end, are counted
 * apart. Threads: any.  Waiting blocks, times are monotonic.
 */
#ifndef SOKOUL_API_FLIGHT_H
#define SOKOUL_API_FLIGHT_H

#include "common/base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct flight;

enum flight_side
{
    FLIGHT_FIRST,
    FLIGHT_NEWCOMERS,
    FLIGHT_SIDES
};

struct flight *flight_new(void); /* NULL when out of memory */
void flight_free(struct flight *flight);
/* The side on which the request is counted: flight_end wants it back. */
MUST_USE enum flight_side flight_begin(struct flight *flight);
void flight_end(struct flight *flight, enum flight_side side);
/* Whoever begins from now on is a newcomer. */
void flight_part(struct flight *flight);
/* True: none is left, or none of those from before flight_part; false: `until_ms` has come first. */
bool flight_wait(struct flight *flight, int64_t until_ms);
bool flight_wait_first(struct flight *flight, int64_t until_ms);
/* Passes the time until then, whatever is in flight. */
void flight_rest(struct flight *flight, int64_t until_ms);

#endif
