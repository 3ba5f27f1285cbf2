/* SPDX-License-Identifier: Apache-2.0 */
#include "common/crypt/token.h"

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
#define HEADER "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define CLAIMS                                                                                               \
    "\"sub\":\"" USER "\",\"user_id\":\"" USER "\",\"sid\":\"" SESSION                                       \
    "\",\"role\":\"user\",\"type\":\"access\""
#define GOOD "{" CLAIMS ",\"iat\":1771000000,\"exp\":1771003600}"

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

/* A token by hand, independent of the code under test. */
static char *forge(const char *header, const char *payload, const char *secret, const EVP_MD *hash)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned mac_len = 0;
    char *text =
        arena_printf(arena, "%s.%s", encode(header, strlen(header)), encode(payload, strlen(payload)));
    HMAC(hash, secret, (int)strlen(secret), (unsigned char *)text, strlen(text), mac, &mac_len);
    return arena_printf(arena, "%s.%s", text, encode(mac, mac_len));
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
        verify(forge("{\"typ\":\"JWT\",\"alg\":\"HS256\",\"kid\":\"1\"}", GOOD, SECRET, EVP_sha256())), E_OK);
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

static const struct
{
    const char *what;
    const char *header;
    const char *payload;
    const char *secret;
} forgeries[] = {
    {"another key", HEADER, GOOD, OTHER},
    {"an empty key", HEADER, GOOD, ""},
    {"alg none", "{\"alg\":\"none\",\"typ\":\"JWT\"}", GOOD, SECRET},
    {"alg None", "{\"alg\":\"None\",\"typ\":\"JWT\"}", GOOD, SECRET},
    {"alg RS256 signed as HMAC", "{\"alg\":\"RS256\",\"typ\":\"JWT\"}", GOOD, SECRET},
    {"alg ES256", "{\"alg\":\"ES256\",\"typ\":\"JWT\"}", GOOD, SECRET},
    {"alg hs256", "{\"alg\":\"hs256\",\"typ\":\"JWT\"}", GOOD, SECRET},
    {"alg HS512", "{\"alg\":\"HS512\",\"typ\":\"JWT\"}", GOOD, SECRET},
    {"alg twice", "{\"alg\":\"HS256\",\"alg\":\"none\",\"typ\":\"JWT\"}", GOOD, SECRET},
    {"alg a number", "{\"alg\":1,\"typ\":\"JWT\"}", GOOD, SECRET},
    {"no alg", "{\"typ\":\"JWT\"}", GOOD, SECRET},
    {"another typ", "{\"alg\":\"HS256\",\"typ\":\"JWE\"}", GOOD, SECRET},
    {"crit", "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"crit\":[\"x\"]}", GOOD, SECRET},
    {"header not an object", "[]", GOOD, SECRET},
    {"header not JSON", "alg=HS256", GOOD, SECRET},
    {"payload not an object", HEADER, "[1]", SECRET},
    {"payload not JSON", HEADER, "{", SECRET},
    {"payload with a claim twice", HEADER, "{" CLAIMS ",\"iat\":1771000000,\"exp\":1,\"exp\":1771003600}",
     SECRET},
    {"empty payload", HEADER, "{}", SECRET},
    {"no exp", HEADER, "{" CLAIMS ",\"iat\":1771000000}", SECRET},
    {"exp a text", HEADER, "{" CLAIMS ",\"iat\":1771000000,\"exp\":\"1771003600\"}", SECRET},
    {"exp null", HEADER, "{" CLAIMS ",\"iat\":1771000000,\"exp\":null}", SECRET},
    {"exp negative", HEADER, "{" CLAIMS ",\"iat\":1771000000,\"exp\":-1}", SECRET},
    {"exp past", HEADER, "{" CLAIMS ",\"iat\":1770000000,\"exp\":1771000000}", SECRET},
    {"exp absurd", HEADER, "{" CLAIMS ",\"iat\":1771000000,\"exp\":1e300}", SECRET},
    {"no iat", HEADER, "{" CLAIMS ",\"exp\":1771003600}", SECRET},
    {"iat ahead", HEADER, "{" CLAIMS ",\"iat\":1771000060,\"exp\":1771003600}", SECRET},
    {"nbf ahead", HEADER, "{" CLAIMS ",\"nbf\":1771000060,\"iat\":1771000000,\"exp\":1771003600}", SECRET},
    {"nbf a text", HEADER, "{" CLAIMS ",\"nbf\":\"0\",\"iat\":1771000000,\"exp\":1771003600}", SECRET},
    {"no sub", HEADER,
     "{\"user_id\":\"" USER "\",\"sid\":\"" SESSION
     "\",\"role\":\"user\",\"type\":\"access\",\"iat\":1771000000,\"exp\":1771003600}",
     SECRET},
    {"no user_id", HEADER,
     "{\"sub\":\"" USER "\",\"sid\":\"" SESSION
     "\",\"role\":\"user\",\"type\":\"access\",\"iat\":1771000000,\"exp\":1771003600}",
     SECRET},
    {"sub and user_id differ", HEADER,
     "{\"sub\":\"" USER "\",\"user_id\":\"" SESSION "\",\"sid\":\"" SESSION
     "\",\"role\":\"user\",\"type\":\"access\",\"iat\":1771000000,\"exp\":1771003600}",
     SECRET},
    {"user_id not a UUID", HEADER,
     "{\"sub\":\"1\",\"user_id\":\"1\",\"sid\":\"" SESSION
     "\",\"role\":\"user\",\"type\":\"access\",\"iat\":1771000000,\"exp\":1771003600}",
     SECRET},
    {"user_id a number", HEADER,
     "{\"sub\":1,\"user_id\":1,\"sid\":\"" SESSION
     "\",\"role\":\"user\",\"type\":\"access\",\"iat\":1771000000,\"exp\":1771003600}",
     SECRET},
    {"no role", HEADER,
     "{\"sub\":\"" USER "\",\"user_id\":\"" USER "\",\"sid\":\"" SESSION
     "\",\"type\":\"access\",\"iat\":1771000000,\"exp\":1771003600}",
     SECRET},
    {"a long role", HEADER,
     "{\"sub\":\"" USER "\",\"user_id\":\"" USER "\",\"sid\":\"" SESSION
     "\",\"role\":\"administrator-of-everything\",\"type\":\"access\",\"iat\":1771000000,\"exp\":1771003600}",
     SECRET},
    {"another type", HEADER,
     "{\"sub\":\"" USER "\",\"user_id\":\"" USER "\",\"sid\":\"" SESSION
     "\",\"role\":\"user\",\"type\":\"refresh\",\"iat\":1771000000,\"exp\":1771003600}",
     SECRET},
};

/* req: S148 S149 */
START_TEST(token__forged_is_refused)
{
    const char *token =
        forge(forgeries[_i].header, forgeries[_i].payload, forgeries[_i].secret, EVP_sha256());
    ck_assert_msg(verify(token) == E_UNAUTHENTICATED, "%s", forgeries[_i].what);
    ck_assert_ptr_null(strstr(err.text, "eyJ"));
}
END_TEST

START_TEST(token__of_another_hash_is_refused)
{
    ck_assert_int_eq(verify(forge(HEADER, GOOD, SECRET, EVP_sha512())), E_UNAUTHENTICATED);
    ck_assert_int_eq(verify(forge("{\"alg\":\"HS512\",\"typ\":\"JWT\"}", GOOD, SECRET, EVP_sha512())),
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
    ck_assert_int_eq(verify(arena_printf(arena, "%s.%s.", encode(HEADER, strlen(HEADER)), payload)),
                     E_UNAUTHENTICATED);
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
    tcase_add_loop_test(tests, token__forged_is_refused, 0, sizeof forgeries / sizeof forgeries[0]);
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
