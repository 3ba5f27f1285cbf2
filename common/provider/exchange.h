/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange.h -- what all providers share: asking, judging the answer, reading its texts.
 *
 * Private to common/provider.  Ownership, threads and errors: provider.h.
 */
#ifndef SOKOUL_COMMON_PROVIDER_EXCHANGE_H
#define SOKOUL_COMMON_PROVIDER_EXCHANGE_H

#include "common/http/http.h"
#include "common/json/json.h"

struct exchange
{
    const char *name; /* for people: "TMDB" */
    struct http_client *http;
    const char *url; /* complete; may hold the key */
    const struct http_header *headers;
    size_t header_count;
    const atomic_bool *cancel;
    int deadline_ms;
    enum http_addresses addresses;
    size_t max_body_bytes;
};

/* Sends a GET.  Failures of the connection come back in a provider's codes; any status is E_OK. */
MUST_USE enum err_code exchange_get(const struct exchange *exchange, struct arena *scratch,
                                    struct http_response *response, struct err *err);
/* E_OK for a status from 200 to 299, else what the status means. */
MUST_USE enum err_code exchange_judge(const char *name, const struct http_response *response,
                                      struct err *err);
/* Both, and the body as JSON; what is unreadable in it is lost and counted (json_parse_foreign). */
MUST_USE enum err_code exchange_get_json(const struct exchange *exchange, struct arena *scratch,
                                         const struct json **doc, size_t *lost, struct err *err);

/* `base` without slashes and without `suffix` at its end; NULL when the arena is full. */
const char *exchange_base(struct arena *arena, const char *base, const char *suffix);

/* The text of a value: control characters become blanks, blanks are joined and trimmed, cut to
 * max_bytes at a character.  NULL when it is no text, has nothing left, or the arena is full. */
const char *exchange_text(struct arena *arena, const struct json *value, size_t max_bytes);
/* An address, whole or not at all: blanks around it go, those inside become %20.  NULL past max_bytes. */
const char *exchange_address(struct arena *arena, const struct json *value, size_t max_bytes);
/* A text that must be taken whole or not at all: NULL with blanks, controls or past max_bytes. */
const char *exchange_token(struct arena *arena, const struct json *value, size_t max_bytes);

#endif
