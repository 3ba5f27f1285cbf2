/* SPDX-License-Identifier: Apache-2.0 */
/*
 * places.h -- how many connections there is room for.
 */
#ifndef SOKOUL_API_PLACES_H
#define SOKOUL_API_PLACES_H

#include <stddef.h>

/* As many as wanted and `beside` for who comes when all are taken, or fewer, at least one, and a warning in
 * the log, when the process may not have the descriptors.  Raises its limit as far as it may. */
size_t places_have(size_t wanted, size_t beside);

#endif
