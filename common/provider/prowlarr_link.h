/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prowlarr_link.h -- links that lead through Prowlarr and hold its API key.
 *
 * Private to common/provider.  Where a link comes in, each occurrence of the key is replaced by
 * LINK_MASK; where it goes out again, the mask by the key.  Pure; texts live in the arena.
 */
#ifndef SOKOUL_COMMON_PROVIDER_PROWLARR_LINK_H
#define SOKOUL_COMMON_PROVIDER_PROWLARR_LINK_H

#include "common/base/arena.h"

#include <stdbool.h>

#define LINK_MASK "~apikey~"

bool link_is_magnet(const char *text); /* starts with "magnet:?", in any case */
bool link_is_web(const char *text);    /* starts with http:// or https://, in any case */
/* NULL when the arena is full.  A NULL or empty key changes nothing. */
const char *link_mask(struct arena *arena, const char *link, const char *key);
const char *link_unmask(struct arena *arena, const char *link, const char *key);

#endif
