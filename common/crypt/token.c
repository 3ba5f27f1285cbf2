/* SPDX-License-Identifier: Apache-2.0 */
#include "common/crypt/token.h"

#include "common/crypt/base64.h"
#include "common/crypt/digest.h"
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

static enum err_code broken(struct err *err)
{
    return fail(err, E_UNAUTHENTICATED, "the access token is not valid");
}

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

static bool read_claims(const struct json *payload, struct token_claims *claims)
{
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
    return claims->issued_s >= 0 && claims->expires_s >= 0;
}

static enum err_code check_times(const struct json *payload, const struct token_claims *claims, int64_t now_s,
                                 struct err *err)
{
    const struct json *not_before = json_get(payload, "nbf");
    int64_t from_s = not_before == NULL ? 0 : json_int(not_before, INT64_MAX);
    if (claims->issued_s > now_s + TOKEN_LEEWAY_S || from_s > now_s + TOKEN_LEEWAY_S)
        return fail(err, E_UNAUTHENTICATED, "the access token is not valid yet");
    if (claims->expires_s <= now_s)
        return fail(err, E_UNAUTHENTICATED, "the access token has expired");
    return E_OK;
}

static enum err_code verify(const struct token_keys *keys, const char *token, int64_t now_s,
                            struct arena *scratch, struct token_claims *claims, struct err *err)
{
    struct parts parts;
    struct token_claims read = {0};
    if (!take_apart(token, &parts))
        return broken(err);
    if (!header_is_ours(read_object(scratch, token, parts.payload - 1)))
        return broken(err);
    if (!signed_with(&keys->current, token) && !signed_with(&keys->previous, token))
        return broken(err);
    const struct json *payload = read_object(scratch, parts.payload, parts.signature - 1);
    if (!read_claims(payload, &read))
        return broken(err);
    enum err_code code = check_times(payload, &read, now_s, err);
    if (code == E_OK)
        *claims = read;
    return code;
}

enum err_code token_verify(const struct token_keys *keys, const char *token, int64_t now_s,
                           struct token_claims *claims, struct err *err)
{
    struct arena *scratch = arena_new(SCRATCH_BYTES);
    if (scratch == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    enum err_code code = verify(keys, token, now_s, scratch, claims, err);
    arena_free(scratch);
    return code;
}
