/* SPDX-License-Identifier: Apache-2.0 */
/*
 * url.h -- taking http and https URLs apart, by the same parser that fetches them.
 *
 * Two parsers that disagree about a host are how requests end up elsewhere; hence this one is
 * libcurl's own.  Pure; any thread.
 */
#ifndef SOKOUL_COMMON_HTTP_URL_H
#define SOKOUL_COMMON_HTTP_URL_H

#include "common/base/arena.h"

#include <stdbool.h>

/* Same scheme, host and port; false when either is not an http or https URL. */
bool url_same_origin(const char *a, const char *b);
/* Whether the URL's host is one of `hosts`, names with commas between; false when it is no http or https URL.
 */
bool url_is_on(const char *url, const char *hosts);
/* Whether the port is one that web servers have: a request for another could be read by a server of mail, of
 * a database, or of something else that takes lines of text.  False when it is no http or https URL. */
bool url_is_web_port(const char *url);
/* `reference` resolved against `base` (RFC 3986, section 5); NULL if the result is no http or https URL,
 * or the arena is full. */
const char *url_resolve(struct arena *arena, const char *base, const char *reference);

#endif
