/* SPDX-License-Identifier: Apache-2.0 */
/*
 * random.h -- random bytes from the kernel (getrandom(2)); fit for secrets.
 * Never fails: a system without random numbers is a bug and aborts.  Any thread.
 */
#ifndef SOKOUL_COMMON_BASE_RANDOM_H
#define SOKOUL_COMMON_BASE_RANDOM_H

#include <stddef.h>

void random_bytes(void *out, size_t len);

#endif
