/* SPDX-License-Identifier: Apache-2.0 */
#include "common/crypt/token.h"

#include "common/base/buf.h"
#include "common/crypt/base64.h"

#include <check.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECRET "0123456789abcdef0123456789abcdef"
#define OTHER "fedcba9876543210fedcba9876543210"
#define USER "018f0000-0000-7000-8000-000000000001"
#define SESSION "018f0000-0000-7000-8000-000000000002"
#define NOW_S 1771000000
/* @ stands for the name of a key. */
#define HEADER "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"@\"}"
#define CLAIMS                                                                                               \
    "\"iss\":\"sokoul\",\"aud\":\"sokoul-api\",\"kind\":\"access\",\"jti\":\"" SESSION "\",\"sub\":\"" USER  \
    "\",\"user_id\":\"" USER "\",\"sid\":\"" SESSION "\",\"role\":\"user\""
#define GOOD "{" CLAIMS ",\"iat\":1771000000,\"nbf\":1771000000,\"exp\":1771003600}"

static struct arena *arena;
static struct token_keys *keys;
static struct err err;
static struct token_claims claims;

static void set_up(void)
{
    arena = arena_new(1 << 20);
    ck_assert_int_eq(token_keys_new(SECRET, NULL, &keys, &err), E_OK);
    claims = (struct token_claims){.role = "user", .issued_s = NOW_S, .expires_s = NOW_S + TOKEN_ACCESS_S};
    ck_assert(id_parse(USER, &claims.user_id));
    ck_assert(id_parse(SESSION, &claims.session_id));
}

static void tear_down(void)
{
    token_keys_free(keys);
    arena_free(arena);
}

static char *encode(const void *bytes, size_t len)
{
    char *text = arena_alloc(arena, BASE64_TEXT_LEN(len) + 1);
    base64_encode(bytes, len, text);
    return text;
}

/* What token.h says of a key's name, once more. */
static char *name_of(const char *secret)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    const char *text = arena_printf(arena, "sokoul token key %s", secret);
    char *name = arena_alloc(arena, 17);
    EVP_Digest(text, strlen(text), digest, NULL, EVP_sha256(), NULL);
    for (int i = 0; i < 8; i++)
        snprintf(name + 2 * i, 3, "%02x", digest[i]);
    return name;
}

/* A token by hand, independent of the code under test: its header names one key, and another one may have
 * signed it. */
static char *forge_named(const char *named, const char *header, const char *payload, const char *secret,
                         const EVP_MD *hash)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned mac_len = 0;
    const char *at = strchr(header, '@');
    if (at != NULL)
        header = arena_printf(arena, "%.*s%s%s", (int)(at - header), header, name_of(named), at + 1);
    char *text =
        arena_printf(arena, "%s.%s", encode(header, strlen(header)), encode(payload, strlen(payload)));
    HMAC(hash, secret, (int)strlen(secret), (unsigned char *)text, strlen(text), mac, &mac_len);
    return arena_printf(arena, "%s.%s", text, encode(mac, mac_len));
}

static char *forge(const char *header, const char *payload, const char *secret, const EVP_MD *hash)
{
    return forge_named(SECRET, header, payload, secret, hash);
}

static enum err_code verify(const char *token)
{
    struct token_claims read;
    return token_verify(keys, token, NOW_S, &read, &err);
}

/* req: S59 S146 */
START_TEST(token__comes_back_as_it_was_signed)
{
    const char *token = NULL;
    struct token_claims read;
    ck_assert_int_eq(token_sign(keys, &claims, arena, &token, &err), E_OK);
    ck_assert_int_eq(token_verify(keys, token, NOW_S, &read, &err), E_OK);
    ck_assert_str_eq(read.user_id.text, USER);
    ck_assert_str_eq(read.session_id.text, SESSION);
    ck_assert_str_eq(read.role, "user");
    ck_assert_int_eq(read.issued_s, NOW_S);
    ck_assert_int_eq(read.expires_s - read.issued_s, 3600);
}
END_TEST

START_TEST(token__made_elsewhere_by_the_standard_is_accepted)
{
    ck_assert_int_eq(verify(forge(HEADER, GOOD, SECRET, EVP_sha256())), E_OK);
    ck_assert_int_eq(
        verify(forge("{\"kid\":\"@\",\"alg\":\"HS256\",\"more\":1}", GOOD, SECRET, EVP_sha256())), E_OK);
}
END_TEST

/* req: S62 S147 */
START_TEST(token__ends_when_it_says)
{
    struct token_claims read;
    const char *token = forge(HEADER, GOOD, SECRET, EVP_sha256());
    ck_assert_int_eq(token_verify(keys, token, NOW_S + 3599, &read, &err), E_OK);
    ck_assert_int_eq(token_verify(keys, token, NOW_S + 3600, &read, &err), E_UNAUTHENTICATED);
    ck_assert_str_eq(err.text, "the access token has expired");
    ck_assert_int_eq(token_verify(keys, token, NOW_S - TOKEN_LEEWAY_S, &read, &err), E_OK);
    ck_assert_int_eq(token_verify(keys, token, NOW_S - TOKEN_LEEWAY_S - 1, &read, &err), E_UNAUTHENTICATED);
}
END_TEST

static const char *const headers[] = {
    "{\"alg\":\"none\",\"typ\":\"JWT\",\"kid\":\"@\"}",
    "{\"alg\":\"None\",\"typ\":\"JWT\",\"kid\":\"@\"}",
    "{\"alg\":\"NONE\",\"typ\":\"JWT\",\"kid\":\"@\"}",
    "{\"alg\":\"nOnE\",\"typ\":\"JWT\",\"kid\":\"@\"}",
    "{\"alg\":\"\",\"typ\":\"JWT\",\"kid\":\"@\"}",
    "{\"alg\":null,\"typ\":\"JWT\",\"kid\":\"@\"}",
    "{\"alg\":1,\"typ\":\"JWT\",\"kid\":\"@\"}",
    "{\"alg\":true,\"typ\":\"JWT\",\"kid\":\"@\"}",
    "{\"alg\":[\"HS256\"],\"typ\":\"JWT\",\"kid\":\"@\"}",
    "{\"alg\":{\"HS256\":1},\"typ\":\"JWT\",\"kid\":\"@\"}",
    "{\"alg\":\"hs256\",\"typ\":\"JWT\",\"kid\":\"@\"}",
    "{\"alg\":\"HS256 \",\"typ\":\"JWT\",\"kid\":\"@\"}",
    "{\"alg\":\" HS256\",\"typ\":\"JWT\",\"kid\":\"@\"}",
    "{\"alg\":\"HS256\\u0000\",\"typ\":\"JWT\",\"kid\":\"@\"}",
    "{\"alg\":\"\xef\xbc\xa8S256\",\"typ\":\"JWT\",\"kid\":\"@\"}",
    "{\"alg\":\"HS384\",\"typ\":\"JWT\",\"kid\":\"@\"}",
    "{\"alg\":\"HS512\",\"typ\":\"JWT\",\"kid\":\"@\"}",
    "{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":\"@\"}",
    "{\"alg\":\"RS512\",\"typ\":\"JWT\",\"kid\":\"@\"}",
    "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"@\"}",
    "{\"alg\":\"PS256\",\"typ\":\"JWT\",\"kid\":\"@\"}",
    "{\"alg\":\"EdDSA\",\"typ\":\"JWT\",\"kid\":\"@\"}",
    "{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"typ\":\"JWT\",\"kid\":\"@\"}",
    "{\"alg\":\"HS256\",\"alg\":\"none\",\"typ\":\"JWT\",\"kid\":\"@\"}",
    "{\"alg\":\"none\",\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"@\"}",
    "{\"al\\u0067\":\"HS256\",\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"@\"}",
    "{\"ALG\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"@\"}",
    "{\"typ\":\"JWT\",\"kid\":\"@\"}",
    "{\"alg\":\"HS256\",\"typ\":\"JWE\",\"kid\":\"@\"}",
    "{\"alg\":\"HS256\",\"typ\":\"\",\"kid\":\"@\"}",
    "{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":\"@\"}",
    "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"typ\":\"JWT\",\"kid\":\"@\"}",
    "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"crit\":[\"x\"],\"kid\":\"@\"}",
    "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"crit\":[],\"kid\":\"@\"}",
    "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"crit\":null,\"kid\":\"@\"}",
    "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"b64\":false,\"crit\":[\"b64\"],\"kid\":\"@\"}",
    "{\"alg\":\"HS256\",\"typ\":\"JWT\"}",
    "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"\"}",
    "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":null}",
    "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":1}",
    "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":[\"@\"]}",
    "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":{\"@\":1}}",
    "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"1\"}",
    "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"current\"}",
    "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"previous\"}",
    "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"@0\"}",
    "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\" @\"}",
    "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"../../../../dev/null\"}",
    "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"' UNION SELECT 'x\"}",
    "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"@\",\"kid\":\"@\"}",
    "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"0000000000000000\"}",
    "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"jku\":\"https://example.org/keys\"}",
    "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"jwk\":{\"kty\":\"oct\",\"k\":\"MDEyMzQ1Njc4OWFiY2RlZg\"}}",
    "[]",
    "\"HS256\"",
    "null",
    "{}",
    "",
    "alg=HS256",
    "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"@\"",
    "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"@\"} x",
    "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"@\",}",
    "{'alg':'HS256','typ':'JWT','kid':'@'}",
    "\xef\xbb\xbf{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"@\"}",
    "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"@\",\"x\":\"\xc0\xaf\"}",
    "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"@\",\"x\":\"\xed\xa0\x80\"}",
    "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"@\",\"x\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]"
    "]]]]]]]]]]]]]]]]]]]]]]]]}",
};

static const char *const claims_wanted[] = {"iss", "aud",  "kind", "jti", "sub", "user_id",
                                            "sid", "role", "iat",  "nbf", "exp"};

/* What may stand for the value of a claim; @ stands for the good one. */
static const char *const values[] = {
    NULL, /* the claim is not there */
    "null", "true", "\"\"", "\" \"", "[@]", "{\"x\":@}", "-1.5", "1e300", "\"0\"", "@,\"%s\":@", "0,\"%s\":@",
};

static const struct
{
    const char *claim;
    const char *value;
} odd_values[] = {
    {"iss", "\"Sokoul\""},
    {"iss", "\"sokoul.\""},
    {"iss", "\"https://sokoul\""},
    {"iss", "\"sokoul\\u0000\""},
    {"aud", "\"sokoul\""},
    {"aud", "\"sokoul-hunter\""},
    {"aud", "\"sokoul-api \""},
    {"aud", "[\"sokoul-api\",\"other\"]"},
    {"kind", "\"refresh\""},
    {"kind", "\"ticket\""},
    {"kind", "\"stream\""},
    {"kind", "\"Access\""},
    {"jti", "\"1\""},
    {"jti", "\"018f0000-0000-7000-8000-00000000000g\""},
    {"sub", "\"1\""},
    {"sub", "\"" SESSION "\""},
    {"sub", "\"018F0000-0000-7000-8000-000000000001\\n\""},
    {"user_id", "\"" SESSION "\""},
    {"user_id", "\"1 OR 1=1\""},
    {"sid", "\"..\""},
    {"sid", "\"018f0000000070008000000000000002\""},
    {"role", "\"administrator-of-everything\""},
    {"iat", "1771000060"},
    {"iat", "-1"},
    {"iat", "99999999999999999999"},
    {"nbf", "1771000060"},
    {"nbf", "-1"},
    {"nbf", "9223372036854775807"},
    {"exp", "1771000000"},
    {"exp", "0"},
    {"exp", "-1"},
    {"exp", "1770999999"},
    {"exp", "1771003600.5"},
    {"exp", "NaN"},
    {"exp", "Infinity"},
    {"exp", "0x7fffffff"},
    {"exp", "01771003600"},
};

static const char *const payloads[] = {"[1]", "{", "{}", "", "null", "1", "\"x\"", GOOD GOOD, GOOD "x"};

static const char *good_value(const char *claim)
{
    static const char *const good[] = {"\"sokoul\"",   "\"sokoul-api\"", "\"access\"",      "\"" SESSION "\"",
                                       "\"" USER "\"", "\"" USER "\"",   "\"" SESSION "\"", "\"user\"",
                                       "1771000000",   "1771000000",     "1771003600"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        if (strcmp(claims_wanted[i], claim) == 0)
            return good[i];
    return "";
}

/* A payload whose claims are good, but one, which has that value instead; NULL: it is not there. */
static const char *payload_with(const char *claim, const char *value)
{
    const char *text = "";
    for (size_t i = 0; i < sizeof claims_wanted / sizeof claims_wanted[0]; i++)
    {
        const char *name = claims_wanted[i];
        const char *written = strcmp(name, claim) == 0 ? value : good_value(name);
        if (written != NULL)
            text = arena_printf(arena, "%s%s\"%s\":%s", text, text[0] != '\0' ? "," : "", name, written);
    }
    return arena_printf(arena, "{%s}", text);
}

/* The form with @ and %s, written out for a claim. */
static const char *fill(const char *form, const char *claim)
{
    struct buf text;
    buf_init(&text, 4096);
    for (const char *at = form; *at != '\0'; at++)
    {
        const bool name = at[0] == '%' && at[1] == 's';
        const char *put = name ? claim : *at == '@' ? good_value(claim) : arena_printf(arena, "%c", *at);
        buf_add(&text, put, strlen(put));
        at += name ? 1 : 0;
    }
    return buf_keep(&text, arena);
}

static int refused(const char *header, const char *payload)
{
    const char *token = forge(header, payload, SECRET, EVP_sha256());
    ck_assert_msg(verify(token) == E_UNAUTHENTICATED, "%s %s", header, payload);
    ck_assert_ptr_null(strstr(err.text, "eyJ"));
    return 1;
}

/* Each is signed with the right key. req: S148 S149 */
START_TEST(token__forged_is_refused_in_200_ways)
{
    int n = 0;
    ck_assert_int_eq(verify(forge(HEADER, payload_with("none", NULL), SECRET, EVP_sha256())), E_OK);
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++)
        n += refused(headers[i], GOOD);
    for (size_t i = 0; i < sizeof payloads / sizeof payloads[0]; i++)
        n += refused(HEADER, payloads[i]);
    for (size_t i = 0; i < sizeof odd_values / sizeof odd_values[0]; i++)
        n += refused(HEADER, payload_with(odd_values[i].claim, odd_values[i].value));
    for (size_t i = 0; i < sizeof claims_wanted / sizeof claims_wanted[0]; i++)
        for (size_t v = 0; v < sizeof values / sizeof values[0]; v++)
        {
            const char *claim = claims_wanted[i];
            if (strcmp(claim, "role") == 0 && values[v] != NULL && (values[v][0] == '"'))
                continue; /* any short text is a role */
            n += refused(HEADER, payload_with(claim, values[v] == NULL ? NULL : fill(values[v], claim)));
        }
    ck_assert_int_ge(n, 200);
}
END_TEST

/* req: S148 */
START_TEST(token__of_another_key_is_refused)
{
    static const char *const others[] = {OTHER, "", "0123456789abcdef0123456789abcdeF",
                                         "0123456789abcdef0123456789abcdef\n"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
    {
        ck_assert_int_eq(verify(forge(HEADER, GOOD, others[i], EVP_sha256())), E_UNAUTHENTICATED);
        ck_assert_int_eq(verify(forge_named(others[i], HEADER, GOOD, others[i], EVP_sha256())),
                         E_UNAUTHENTICATED);
        ck_assert_int_eq(verify(forge_named(others[i], HEADER, GOOD, SECRET, EVP_sha256())),
                         E_UNAUTHENTICATED);
    }
}
END_TEST

/* Base64url has one form of each text: no padding, no other letters, no bits that are left over. */
START_TEST(token__written_in_another_form_is_refused)
{
    const char *token = forge(HEADER, GOOD, SECRET, EVP_sha256());
    const char *first = strchr(token, '.');
    const char *second = strchr(first + 1, '.');
    const char *head = arena_printf(arena, "%.*s", (int)(first - token), token);
    const char *body = arena_printf(arena, "%.*s", (int)(second - first - 1), first + 1);
    static const char *const forms[] = {"%s=.%s.%s",
                                        "%s.%s=.%s",
                                        "%s.%s.%s=",
                                        "%s==.%s.%s",
                                        " %s.%s.%s",
                                        "%s.%s.%s ",
                                        "%s\n.%s.%s",
                                        "%s.%s\r\n.%s",
                                        "%s.%s.%s\n",
                                        "%s..%s.%s",
                                        ".%s.%s.%s",
                                        "%s.%s.%s.",
                                        "%s.%s.%s.x",
                                        "%s,%s,%s",
                                        "%s.%s.+%s",
                                        "%s.%s./%s",
                                        "%s%%2e%s.%s",
                                        "%s.%s.%s\xe2\x80\x8b",
                                        "\xef\xbb\xbf%s.%s.%s",
                                        "Bearer %s.%s.%s",
                                        "\"%s.%s.%s\"",
                                        "%s.%s.%s\t"};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
    {
        char text[TOKEN_MAX_BYTES];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(text, sizeof text, forms[i], head, body, second + 1);
#pragma GCC diagnostic pop
        ck_assert_msg(verify(text) == E_UNAUTHENTICATED, "%s", forms[i]);
    }
    char *last = arena_strdup(arena, token);
    last += strlen(last) - 1; /* the last letter holds two bits that count for nothing */
    const char *alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const char was = *last;
    for (const char *other = alphabet; *other != '\0'; other++)
        if ((*last = *other) != was)
            ck_assert_int_eq(verify(last + 1 - strlen(token)), E_UNAUTHENTICATED);
}
END_TEST

START_TEST(token__of_another_hash_is_refused)
{
    ck_assert_int_eq(verify(forge(HEADER, GOOD, SECRET, EVP_sha512())), E_UNAUTHENTICATED);
    ck_assert_int_eq(verify(forge("{\"alg\":\"HS512\",\"kid\":\"@\"}", GOOD, SECRET, EVP_sha512())),
                     E_UNAUTHENTICATED);
}
END_TEST

/* req: S148 */
START_TEST(token__with_any_bit_flipped_is_refused)
{
    char *token = forge(HEADER, GOOD, SECRET, EVP_sha256());
    for (size_t i = 0; token[i] != '\0'; i++)
    {
        token[i] ^= 1;
        ck_assert_msg(verify(token) == E_UNAUTHENTICATED, "at %zu", i);
        token[i] ^= 1;
    }
    ck_assert_int_eq(verify(token), E_OK);
}
END_TEST

START_TEST(token__cut_anywhere_is_refused)
{
    char *token = forge(HEADER, GOOD, SECRET, EVP_sha256());
    for (size_t len = strlen(token); len > 0; len--)
    {
        token[len - 1] = '\0';
        ck_assert_msg(verify(token) == E_UNAUTHENTICATED, "at %zu", len);
    }
}
END_TEST

START_TEST(token__with_something_added_is_refused)
{
    static const char *const added[] = {".", ".x", "=", "A", " ", "\n", "..", "%00"};
    const char *token = forge(HEADER, GOOD, SECRET, EVP_sha256());
    for (size_t i = 0; i < sizeof added / sizeof added[0]; i++)
    {
        ck_assert_int_eq(verify(arena_printf(arena, "%s%s", token, added[i])), E_UNAUTHENTICATED);
        ck_assert_int_eq(verify(arena_printf(arena, "%s%s", added[i], token)), E_UNAUTHENTICATED);
    }
}
END_TEST

START_TEST(token__without_a_signature_is_refused)
{
    const char *header = "{\"alg\":\"none\"}";
    const char *payload = encode(GOOD, strlen(GOOD));
    ck_assert_int_eq(verify(arena_printf(arena, "%s.%s.", encode(header, strlen(header)), payload)),
                     E_UNAUTHENTICATED);
    char *token = forge(HEADER, GOOD, SECRET, EVP_sha256());
    strrchr(token, '.')[1] = '\0';
    ck_assert_int_eq(verify(token), E_UNAUTHENTICATED);
}
END_TEST

START_TEST(token__too_large_or_empty_is_refused)
{
    char *huge = arena_alloc(arena, 200001);
    memset(huge, 'A', 200000);
    ck_assert_int_eq(verify(huge), E_UNAUTHENTICATED);
    huge[1000] = '.';
    huge[2000] = '.';
    ck_assert_int_eq(verify(huge), E_UNAUTHENTICATED);
    ck_assert_int_eq(verify(""), E_UNAUTHENTICATED);
    ck_assert_int_eq(verify(".."), E_UNAUTHENTICATED);
    ck_assert_int_eq(verify("\xff.\xff.\xff"), E_UNAUTHENTICATED);
}
END_TEST

/* part: S185 */
START_TEST(token__of_the_previous_secret_is_still_good)
{
    struct token_keys *rotated = NULL;
    const char *token = NULL;
    struct token_claims read;
    ck_assert_int_eq(token_keys_new(OTHER, SECRET, &rotated, &err), E_OK);
    const char *old = forge(HEADER, GOOD, SECRET, EVP_sha256());
    ck_assert_int_eq(token_verify(rotated, old, NOW_S, &read, &err), E_OK);
    ck_assert_int_eq(token_sign(rotated, &claims, arena, &token, &err), E_OK);
    ck_assert_int_eq(token_verify(rotated, token, NOW_S, &read, &err), E_OK);
    ck_assert_int_eq(verify(token), E_UNAUTHENTICATED); /* signed with the new one */
    token_keys_free(rotated);
}
END_TEST

/* The same ring, other keys: what was remembered of a key that went is forgotten. part: S185 */
START_TEST(token__ends_with_its_key)
{
    const char *old = forge(HEADER, GOOD, SECRET, EVP_sha256());
    ck_assert_int_eq(verify(old), E_OK);
    ck_assert_int_eq(token_keys_change(keys, OTHER, SECRET, &err), E_OK);
    ck_assert_int_eq(verify(old), E_OK);
    ck_assert_int_eq(verify(forge_named(OTHER, HEADER, GOOD, OTHER, EVP_sha256())), E_OK);
    ck_assert_int_eq(verify(forge_named(OTHER, HEADER, GOOD, SECRET, EVP_sha256())), E_UNAUTHENTICATED);
    ck_assert_int_eq(token_keys_change(keys, "short", SECRET, &err), E_CONFIG);
    ck_assert_int_eq(verify(old), E_OK);
    ck_assert_int_eq(token_keys_change(keys, OTHER, NULL, &err), E_OK);
    ck_assert_int_eq(verify(old), E_UNAUTHENTICATED);
    ck_assert_int_eq(verify(forge_named(OTHER, HEADER, GOOD, OTHER, EVP_sha256())), E_OK);
}
END_TEST

/* req: S145 */
START_TEST(token__secret_has_at_least_256_bits)
{
    static const char *const bad[] = {NULL, "", "short", "0123456789abcdef0123456789abcde"};
    struct token_keys *none = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    {
        ck_assert_int_eq(token_keys_new(bad[i], NULL, &none, &err), E_CONFIG);
        ck_assert_ptr_null(none);
    }
    ck_assert_int_eq(token_keys_new(SECRET, "short", &none, &err), E_CONFIG);
    ck_assert_ptr_null(strstr(err.text, "short "));
}
END_TEST

/* What was remembered of a good token says nothing for another one, for other keys or for another time.
 * req: S62 S146 S147 */
START_TEST(token__remembered_is_asked_again)
{
    struct token_keys *others = NULL;
    struct token_claims first;
    struct token_claims again;
    char *token = forge(HEADER, GOOD, SECRET, EVP_sha256());
    ck_assert_int_eq(token_keys_new(OTHER, NULL, &others, &err), E_OK);
    ck_assert_int_eq(token_verify(keys, token, NOW_S, &first, &err), E_OK);
    ck_assert_int_eq(token_verify(keys, token, NOW_S + 1, &again, &err), E_OK);
    ck_assert_str_eq(again.user_id.text, first.user_id.text);
    ck_assert_str_eq(again.session_id.text, first.session_id.text);
    ck_assert_str_eq(again.role, first.role);
    ck_assert_int_eq(again.expires_s, first.expires_s);
    ck_assert_int_eq(token_verify(others, token, NOW_S, &again, &err), E_UNAUTHENTICATED);
    ck_assert_int_eq(token_verify(keys, token, NOW_S + 3600, &again, &err), E_UNAUTHENTICATED);
    ck_assert_str_eq(err.text, "the access token has expired");
    ck_assert_int_eq(token_verify(keys, token, NOW_S - 60, &again, &err), E_UNAUTHENTICATED);
    ck_assert_str_eq(err.text, "the access token is not valid yet");
    token[strlen(token) - 2] ^= 1;
    ck_assert_int_eq(verify(token), E_UNAUTHENTICATED);
    ck_assert_int_eq(verify(forge(HEADER, GOOD, OTHER, EVP_sha256())), E_UNAUTHENTICATED);
    token_keys_free(others);
}
END_TEST

START_TEST(token__without_an_end_is_not_signed)
{
    const char *token = NULL;
    claims.expires_s = claims.issued_s;
    ck_assert_int_eq(token_sign(keys, &claims, arena, &token, &err), E_BUG);
    ck_assert_ptr_null(token);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("token");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, token__comes_back_as_it_was_signed);
    tcase_add_test(tests, token__made_elsewhere_by_the_standard_is_accepted);
    tcase_add_test(tests, token__ends_when_it_says);
    tcase_add_test(tests, token__forged_is_refused_in_200_ways);
    tcase_add_test(tests, token__of_another_key_is_refused);
    tcase_add_test(tests, token__written_in_another_form_is_refused);
    tcase_add_test(tests, token__ends_with_its_key);
    tcase_add_test(tests, token__of_another_hash_is_refused);
    tcase_add_test(tests, token__with_any_bit_flipped_is_refused);
    tcase_add_test(tests, token__cut_anywhere_is_refused);
    tcase_add_test(tests, token__with_something_added_is_refused);
    tcase_add_test(tests, token__without_a_signature_is_refused);
    tcase_add_test(tests, token__too_large_or_empty_is_refused);
    tcase_add_test(tests, token__of_the_previous_secret_is_still_good);
    tcase_add_test(tests, token__secret_has_at_least_256_bits);
    tcase_add_test(tests, token__remembered_is_asked_again);
    tcase_add_test(tests, token__without_an_end_is_not_signed);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
