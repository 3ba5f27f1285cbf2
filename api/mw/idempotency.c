/* SPDX-License-Identifier: Apache-2.0 */
/* Only the form of the key is looked at here; the store decides inside the handler's transaction. */
#include "api/mw/links.h"

#include "api/route.h"
#include "common/crypt/digest.h"

#include <string.h>

enum
{
    MAX_KEY_BYTES = 255
};

enum err_code idempotency_check(struct request *req, struct err *err)
{
    const char *key = req->header[HEADER_IDEMPOTENCY_KEY];
    if (!(req->route->flags & ROUTE_IDEMPOTENT) || key == NULL)
        return E_OK;
    size_t len = strlen(key);
    bool fit = len >= 1 && len <= MAX_KEY_BYTES;
    for (size_t i = 0; fit && i < len; i++)
        fit = key[i] > 0x20 && key[i] < 0x7f;
    if (!fit)
        return request_complain(req, err, "Idempotency-Key", "must have 1 to %d visible ASCII characters",
                                MAX_KEY_BYTES);
    req->idempotency_key = key;
    return E_OK;
}

enum err_code idempotency_hash(struct request *req, struct err *err)
{
    if (req->idempotency_key == NULL)
        return E_OK;
    struct digest digest = digest_sha256(req->body, req->body_len);
    req->body_sha256 = arena_strdup(req->arena, digest.hex);
    return req->body_sha256 != NULL ? E_OK : fail(err, E_NO_MEMORY, "out of memory");
}
