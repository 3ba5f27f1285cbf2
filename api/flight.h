/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flight.h -- how many requests are in flight, and waiting until there are none.
 * Threads: any.  Waiting blocks, times are monotonic.
 */
#ifndef SOKOUL_API_FLIGHT_H
#define SOKOUL_API_FLIGHT_H

#include <stdbool.h>
#include <stdint.h>

struct flight;

struct flight *flight_new(void); /* NULL when out of memory */
void flight_free(struct flight *flight);
void flight_begin(struct flight *flight);
void flight_end(struct flight *flight);
/* True: none is left; false: `until_ms` has come first. */
bool flight_wait(struct flight *flight, int64_t until_ms);
/* Passes the time until then, whatever is in flight. */
void flight_rest(struct flight *flight, int64_t until_ms);

#endif
