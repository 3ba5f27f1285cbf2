/* SPDX-License-Identifier: Apache-2.0 */
#include "common/crypt/token.h"

#include "common/crypt/base64.h"
#include "common/crypt/digest.h"
#include "common/crypt/seen.h"
#include "common/json/json.h"

#include <jwt.h>
#include <stdlib.h>
#include <string.h>

enum
{
    SCRATCH_BYTES = 64 << 10
};

struct secret
{
    unsigned char bytes[TOKEN_MAX_SECRET_BYTES];
    size_t len; /* 0: there is none */
};

struct token_keys
{
    struct secret current;
    struct secret previous;
    struct seen *seen; /* tokens that these keys were found to have signed */
};

/* ---- keys -------------------------------------------------------------------------------- */

static enum err_code read_secret(const char *text, struct secret *secret, struct err *err)
{
    size_t len = strnlen(text, TOKEN_MAX_SECRET_BYTES + 1);
    if (len < TOKEN_MIN_SECRET_BYTES)
        return fail(err, E_CONFIG, "a token secret needs at least %d bytes", TOKEN_MIN_SECRET_BYTES);
    if (len > TOKEN_MAX_SECRET_BYTES)
        return fail(err, E_CONFIG, "a token secret has at most %d bytes", TOKEN_MAX_SECRET_BYTES);
    memcpy(secret->bytes, text, len);
    secret->len = len;
    return E_OK;
}

enum err_code token_keys_new(const char *current, const char *previous, struct token_keys **out,
                             struct err *err)
{
    struct token_keys *keys = calloc(1, sizeof *keys);
    if (keys == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    enum err_code code = read_secret(current != NULL ? current : "", &keys->current, err);
    if (code == E_OK && previous != NULL && previous[0] != '\0')
        code = read_secret(previous, &keys->previous, err);
    if (code == E_OK && (keys->seen = seen_new()) == NULL)
        code = fail(err, E_NO_MEMORY, "out of memory");
    if (code == E_OK)
        *out = keys;
    else
        token_keys_free(keys);
    return code;
}

void token_keys_free(struct token_keys *keys)
{
    if (keys == NULL)
        return;
    seen_free(keys->seen);
    secret_wipe(keys, sizeof *keys);
    free(keys);
}

/* ---- signing ----------------------------------------------------------------------------- */

/* libjwt's functions answer 0 or an errno. */
static bool add_claims(jwt_t *jwt, const struct token_claims *claims)
{
    return jwt_add_grant(jwt, "sub", claims->user_id.text) == 0 &&
           jwt_add_grant(jwt, "user_id", claims->user_id.text) == 0 &&
           jwt_add_grant(jwt, "sid", claims->session_id.text) == 0 &&
           jwt_add_grant(jwt, "role", claims->role) == 0 && jwt_add_grant(jwt, "type", "access") == 0 &&
           jwt_add_grant_int(jwt, "iat", (long)claims->issued_s) == 0 &&
           jwt_add_grant_int(jwt, "exp", (long)claims->expires_s) == 0;
}

enum err_code token_sign(const struct token_keys *keys, const struct token_claims *claims,
                         struct arena *arena, const char **token, struct err *err)
{
    jwt_t *jwt = NULL;
    char *text = NULL;
    enum err_code code = E_NO_MEMORY;
    if (claims->expires_s <= claims->issued_s || claims->role[0] == '\0')
        return fail(err, E_BUG, "a token without an end or a role was to be signed");
    if (jwt_new(&jwt) == 0 && add_claims(jwt, claims) &&
        jwt_set_alg(jwt, JWT_ALG_HS256, keys->current.bytes, (int)keys->current.len) == 0)
        text = jwt_encode_str(jwt);
    const char *copy = arena_strdup(arena, text);
    if (copy != NULL)
    {
        *token = copy;
        code = E_OK;
    }
    free(text);
    jwt_free(jwt);
    return code == E_OK ? E_OK : fail(err, E_NO_MEMORY, "no memory to sign a token");
}

/* ---- verifying --------------------------------------------------------------------------- */

/* A token taken apart: header.payload.signature. */
struct parts
{
    const char *payload;
    const char *signature;
};

static bool take_apart(const char *token, struct parts *parts)
{
    size_t len = strnlen(token, TOKEN_MAX_BYTES + 1);
    const char *first = strchr(token, '.');
    if (len > TOKEN_MAX_BYTES || first == NULL)
        return false;
    const char *second = strchr(first + 1, '.');
    if (second == NULL || strchr(second + 1, '.') != NULL)
        return false;
    parts->payload = first + 1;
    parts->signature = second + 1;
    return true;
}

/* NULL: not base64url of one strict JSON object. */
static const struct json *read_object(struct arena *arena, const char *text, const char *end)
{
    size_t text_len = (size_t)(end - text);
    size_t len = 0;
    const struct json *object = NULL;
    char *bytes = arena_alloc(arena, text_len + 1);
    if (bytes == NULL || !base64_decode(text, text_len, bytes, text_len, &len))
        return NULL;
    if (json_parse(arena, bytes, len, &object, NULL) != E_OK || !json_is_object(object))
        return NULL;
    return object;
}

static bool header_is_ours(const struct json *header)
{
    return strcmp(json_text(json_get(header, "alg"), ""), "HS256") == 0 &&
           strcmp(json_text(json_get(header, "typ"), "JWT"), "JWT") == 0 && json_get(header, "crit") == NULL;
}

static bool signed_with(const struct secret *secret, const char *token)
{
    jwt_t *jwt = NULL;
    if (secret->len == 0) /* libjwt would take that for "need not be signed" */
        return false;
    bool good =
        jwt_decode(&jwt, token, secret->bytes, (int)secret->len) == 0 && jwt_get_alg(jwt) == JWT_ALG_HS256;
    jwt_free(jwt);
    return good;
}

static bool read_claims(const struct json *payload, struct seen_token *token)
{
    struct token_claims *claims = &token->claims;
    const struct json *not_before = json_get(payload, "nbf");
    const char *role = json_text(json_get(payload, "role"), "");
    struct id also;
    if (!id_parse(json_text(json_get(payload, "sub"), ""), &claims->user_id) ||
        !id_parse(json_text(json_get(payload, "user_id"), ""), &also) ||
        strcmp(claims->user_id.text, also.text) != 0 ||
        !id_parse(json_text(json_get(payload, "sid"), ""), &claims->session_id))
        return false;
    if (role[0] == '\0' || strlen(role) >= sizeof claims->role ||
        strcmp(json_text(json_get(payload, "type"), ""), "access") != 0)
        return false;
    memcpy(claims->role, role, strlen(role) + 1);
    claims->issued_s = json_int(json_get(payload, "iat"), -1);
    claims->expires_s = json_int(json_get(payload, "exp"), -1);
    token->from_s = not_before == NULL ? 0 : json_int(not_before, INT64_MAX);
    return claims->issued_s >= 0 && claims->expires_s >= 0;
}

static enum err_code check_times(const struct seen_token *token, int64_t now_s, struct err *err)
{
    if (token->claims.issued_s > now_s + TOKEN_LEEWAY_S || token->from_s > now_s + TOKEN_LEEWAY_S)
        return fail(err, E_UNAUTHENTICATED, "the access token is not valid yet");
    if (token->claims.expires_s <= now_s)
        return fail(err, E_UNAUTHENTICATED, "the access token has expired");
    return E_OK;
}

static bool is_ours(const struct token_keys *keys, const char *token, struct arena *scratch,
                    struct seen_token *read)
{
    struct parts parts;
    return take_apart(token, &parts) && header_is_ours(read_object(scratch, token, parts.payload - 1)) &&
           (signed_with(&keys->current, token) || signed_with(&keys->previous, token)) &&
           read_claims(read_object(scratch, parts.payload, parts.signature - 1), read);
}

static enum err_code verify(const struct token_keys *keys, const char *token, struct seen_token *read,
                            struct err *err)
{
    struct arena *scratch = arena_new(SCRATCH_BYTES);
    if (scratch == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    bool good = is_ours(keys, token, scratch, read);
    arena_free(scratch);
    return good ? E_OK : fail(err, E_UNAUTHENTICATED, "the access token is not valid");
}

enum err_code token_verify(const struct token_keys *keys, const char *token, int64_t now_s,
                           struct token_claims *claims, struct err *err)
{
    const struct digest digest = digest_sha256(token, strnlen(token, TOKEN_MAX_BYTES + 1));
    struct seen_token read = {.from_s = 0};
    bool is_new = !seen_find(keys->seen, &digest, &read);
    enum err_code code = is_new ? verify(keys, token, &read, err) : E_OK;
    if (code == E_OK)
        code = check_times(&read, now_s, err);
    if (code != E_OK)
        return code;
    if (is_new)
        seen_keep(keys->seen, &digest, &read);
    *claims = read.claims;
    return E_OK;
}
