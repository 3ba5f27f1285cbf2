/* SPDX-License-Identifier: Apache-2.0 */
#include "common/crypt/token.h"

#include "common/crypt/base64.h"
#include "common/crypt/digest.h"
#include "common/crypt/seen.h"
#include "common/json/json.h"

#include <jwt.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum
{
    SCRATCH_BYTES = 64 << 10
};

static const char issuer[] = "sokoul";
static const char audience[] = "sokoul-api";
static const char kind[] = "access";

struct key
{
    unsigned char bytes[TOKEN_MAX_SECRET_BYTES];
    size_t len; /* 0: there is none */
    char id[TOKEN_KEY_ID_SIZE];
};

struct ring
{
    struct key current;
    struct key previous;
};

struct token_keys
{
    pthread_rwlock_t lock; /* guards the ring; held while a token is asked about, so that no token of keys
                              that went is remembered after them */
    struct ring ring;
    struct seen *seen; /* tokens that these keys were found to have signed */
};

/* ---- keys -------------------------------------------------------------------------------- */

/* The name of a key says nothing about its bytes, and two programs with the same secret find the same one. */
static void name_key(struct key *key)
{
    static const char prefix[] = "sokoul token key ";
    char text[sizeof prefix + TOKEN_MAX_SECRET_BYTES];
    memcpy(text, prefix, sizeof prefix - 1);
    memcpy(text + sizeof prefix - 1, key->bytes, key->len);
    const struct digest digest = digest_sha256(text, sizeof prefix - 1 + key->len);
    memcpy(key->id, digest.hex, TOKEN_KEY_ID_SIZE - 1);
    secret_wipe(text, sizeof text);
}

static enum err_code read_secret(const char *text, struct key *key, struct err *err)
{
    size_t len = strnlen(text, TOKEN_MAX_SECRET_BYTES + 1);
    if (len < TOKEN_MIN_SECRET_BYTES)
        return fail(err, E_CONFIG, "a token secret needs at least %d bytes", TOKEN_MIN_SECRET_BYTES);
    if (len > TOKEN_MAX_SECRET_BYTES)
        return fail(err, E_CONFIG, "a token secret has at most %d bytes", TOKEN_MAX_SECRET_BYTES);
    memcpy(key->bytes, text, len);
    key->len = len;
    name_key(key);
    return E_OK;
}

static enum err_code read_ring(const char *current, const char *previous, struct ring *ring, struct err *err)
{
    enum err_code code = read_secret(current != NULL ? current : "", &ring->current, err);
    if (code == E_OK && previous != NULL && previous[0] != '\0')
        code = read_secret(previous, &ring->previous, err);
    return code;
}

enum err_code token_keys_new(const char *current, const char *previous, struct token_keys **out,
                             struct err *err)
{
    struct token_keys *keys = calloc(1, sizeof *keys);
    if (keys == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    pthread_rwlock_init(&keys->lock, NULL);
    enum err_code code = read_ring(current, previous, &keys->ring, err);
    if (code == E_OK && (keys->seen = seen_new()) == NULL)
        code = fail(err, E_NO_MEMORY, "out of memory");
    if (code == E_OK)
        *out = keys;
    else
        token_keys_free(keys);
    return code;
}

enum err_code token_keys_change(struct token_keys *keys, const char *current, const char *previous,
                                struct err *err)
{
    struct ring ring = {.current = {.len = 0}};
    enum err_code code = read_ring(current, previous, &ring, err);
    if (code == E_OK)
    {
        pthread_rwlock_wrlock(&keys->lock);
        keys->ring = ring;
        seen_clear(keys->seen);
        pthread_rwlock_unlock(&keys->lock);
    }
    secret_wipe(&ring, sizeof ring);
    return code;
}

void token_keys_free(struct token_keys *keys)
{
    if (keys == NULL)
        return;
    seen_free(keys->seen);
    pthread_rwlock_destroy(&keys->lock);
    secret_wipe(keys, sizeof *keys);
    free(keys);
}

/* ---- signing ----------------------------------------------------------------------------- */

/* libjwt's functions answer 0 or an errno.  "type" is read by the release before this one, which may run
 * beside it. */
static bool add_claims(jwt_t *jwt, const struct token_claims *claims)
{
    const struct id id = id_new();
    return jwt_add_grant(jwt, "iss", issuer) == 0 && jwt_add_grant(jwt, "aud", audience) == 0 &&
           jwt_add_grant(jwt, "jti", id.text) == 0 && jwt_add_grant(jwt, "kind", kind) == 0 &&
           jwt_add_grant(jwt, "sub", claims->user_id.text) == 0 &&
           jwt_add_grant(jwt, "user_id", claims->user_id.text) == 0 &&
           jwt_add_grant(jwt, "sid", claims->session_id.text) == 0 &&
           jwt_add_grant(jwt, "role", claims->role) == 0 && jwt_add_grant(jwt, "type", kind) == 0 &&
           jwt_add_grant_int(jwt, "iat", (long)claims->issued_s) == 0 &&
           jwt_add_grant_int(jwt, "nbf", (long)claims->issued_s) == 0 &&
           jwt_add_grant_int(jwt, "exp", (long)claims->expires_s) == 0;
}

/* NULL: no memory. */
static char *sign(const struct key *key, const struct token_claims *claims)
{
    jwt_t *jwt = NULL;
    char *text = NULL;
    if (jwt_new(&jwt) == 0 && jwt_add_header(jwt, "kid", key->id) == 0 && add_claims(jwt, claims) &&
        jwt_set_alg(jwt, JWT_ALG_HS256, key->bytes, (int)key->len) == 0)
        text = jwt_encode_str(jwt);
    jwt_free(jwt);
    return text;
}

enum err_code token_sign(struct token_keys *keys, const struct token_claims *claims, struct arena *arena,
                         const char **token, struct err *err)
{
    if (claims->expires_s <= claims->issued_s || claims->role[0] == '\0')
        return fail(err, E_BUG, "a token without an end or a role was to be signed");
    pthread_rwlock_rdlock(&keys->lock);
    char *text = sign(&keys->ring.current, claims);
    pthread_rwlock_unlock(&keys->lock);
    const char *copy = arena_strdup(arena, text);
    free(text);
    if (copy == NULL)
        return fail(err, E_NO_MEMORY, "no memory to sign a token");
    *token = copy;
    return E_OK;
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

/* The key that the header names; NULL: another algorithm, or a key that is not ours. */
static const struct key *key_of(const struct ring *ring, const struct json *header)
{
    const char *id = json_text(json_get(header, "kid"), "");
    if (strcmp(json_text(json_get(header, "alg"), ""), "HS256") != 0 ||
        strcmp(json_text(json_get(header, "typ"), "JWT"), "JWT") != 0 || json_get(header, "crit") != NULL)
        return NULL;
    if (strcmp(id, ring->current.id) == 0)
        return &ring->current;
    return ring->previous.len > 0 && strcmp(id, ring->previous.id) == 0 ? &ring->previous : NULL;
}

static bool signed_with(const struct key *key, const char *token)
{
    jwt_t *jwt = NULL;
    if (key == NULL || key->len == 0) /* libjwt would take that for "need not be signed" */
        return false;
    bool good = jwt_decode(&jwt, token, key->bytes, (int)key->len) == 0 && jwt_get_alg(jwt) == JWT_ALG_HS256;
    jwt_free(jwt);
    return good;
}

static bool says(const struct json *payload, const char *claim, const char *value)
{
    return strcmp(json_text(json_get(payload, claim), ""), value) == 0;
}

static bool read_claims(const struct json *payload, struct seen_token *token)
{
    struct token_claims *claims = &token->claims;
    const char *role = json_text(json_get(payload, "role"), "");
    struct id also;
    if (!says(payload, "iss", issuer) || !says(payload, "aud", audience) || !says(payload, "kind", kind) ||
        role[0] == '\0' || strlen(role) >= sizeof claims->role)
        return false;
    if (!id_parse(json_text(json_get(payload, "sub"), ""), &claims->user_id) ||
        !id_parse(json_text(json_get(payload, "user_id"), ""), &also) ||
        strcmp(claims->user_id.text, also.text) != 0 ||
        !id_parse(json_text(json_get(payload, "sid"), ""), &claims->session_id) ||
        !id_parse(json_text(json_get(payload, "jti"), ""), &also))
        return false;
    memcpy(claims->role, role, strlen(role) + 1);
    claims->issued_s = json_int(json_get(payload, "iat"), -1);
    claims->expires_s = json_int(json_get(payload, "exp"), -1);
    token->from_s = json_int(json_get(payload, "nbf"), -1);
    return claims->issued_s >= 0 && claims->expires_s >= 0 && token->from_s >= 0;
}

static enum err_code check_times(const struct seen_token *token, int64_t now_s, struct err *err)
{
    if (token->claims.issued_s > now_s + TOKEN_LEEWAY_S || token->from_s > now_s + TOKEN_LEEWAY_S)
        return fail(err, E_UNAUTHENTICATED, "the access token is not valid yet");
    if (token->claims.expires_s <= now_s)
        return fail(err, E_UNAUTHENTICATED, "the access token has expired");
    return E_OK;
}

static bool is_ours(const struct ring *ring, const char *token, struct arena *scratch,
                    struct seen_token *read)
{
    struct parts parts;
    return take_apart(token, &parts) &&
           signed_with(key_of(ring, read_object(scratch, token, parts.payload - 1)), token) &&
           read_claims(read_object(scratch, parts.payload, parts.signature - 1), read);
}

static enum err_code verify(const struct ring *ring, const char *token, struct seen_token *read,
                            struct err *err)
{
    struct arena *scratch = arena_new(SCRATCH_BYTES);
    if (scratch == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    bool good = is_ours(ring, token, scratch, read);
    arena_free(scratch);
    return good ? E_OK : fail(err, E_UNAUTHENTICATED, "the access token is not valid");
}

/* With the lock held for reading. */
static enum err_code find_or_verify(struct token_keys *keys, const char *token, int64_t now_s,
                                    struct seen_token *read, struct err *err)
{
    const struct digest digest = digest_sha256(token, strnlen(token, TOKEN_MAX_BYTES + 1));
    bool is_new = !seen_find(keys->seen, &digest, read);
    enum err_code code = is_new ? verify(&keys->ring, token, read, err) : E_OK;
    if (code == E_OK)
        code = check_times(read, now_s, err);
    if (code == E_OK && is_new)
        seen_keep(keys->seen, &digest, read);
    return code;
}

enum err_code token_verify(struct token_keys *keys, const char *token, int64_t now_s,
                           struct token_claims *claims, struct err *err)
{
    struct seen_token read = {.from_s = 0};
    pthread_rwlock_rdlock(&keys->lock);
    enum err_code code = find_or_verify(keys, token, now_s, &read, err);
    pthread_rwlock_unlock(&keys->lock);
    if (code == E_OK)
        *claims = read.claims;
    return code;
}
