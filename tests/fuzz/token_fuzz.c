/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as an access token, and a good one of which a piece is changed: only the very token that was
 * signed is taken. */
#include "common/crypt/token.h"
#include "tests/fuzz/text.h"

#include <stdbool.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

enum
{
    NOW_S = 1771169317
};

static struct token_keys *keys;
static const char *good;

static void need(bool holds)
{
    if (!holds)
        abort();
}

static void prepare(void)
{
    static struct arena *arena;
    const struct token_claims claims = {.user_id = {"01980f2c-7d1e-7b3a-9c54-2f6a1e0b7d31"},
                                        .session_id = {"01980f2c-8a40-7c11-8d22-6b9e4f7a1c05"},
                                        .role = "user",
                                        .issued_s = NOW_S,
                                        .expires_s = NOW_S + TOKEN_ACCESS_S};
    struct err err = ERR_INIT;
    arena = arena_new((size_t)1 << 20);
    need(token_keys_new("a key of the fuzzer, which nobody else has", NULL, &keys, &err) == E_OK);
    need(token_sign(keys, &claims, arena, &good, &err) == E_OK);
}

static void check(const char *text)
{
    struct token_claims claims;
    struct err err = ERR_INIT;
    const enum err_code code = token_verify(keys, text, NOW_S, &claims, &err);
    need(code == (strcmp(text, good) == 0 ? E_OK : E_UNAUTHENTICATED));
}

/* The bytes say where, how many, and what to put there. */
static void check_changed(const uint8_t *bytes, size_t len)
{
    const size_t whole = strlen(good);
    const size_t at = (size_t)(bytes[0] | bytes[1] << 8) % whole;
    const size_t cut = bytes[2] % (whole - at + 1);
    char *text = malloc(whole + len + 1);
    need(text != NULL);
    memcpy(text, good, at);
    memcpy(text + at, bytes + 3, len - 3);
    memcpy(text + at + len - 3, good + at + cut, whole - at - cut + 1);
    check(text);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (keys == NULL)
        prepare();
    char *text = fuzz_text(bytes, len);
    check(text);
    if (len >= 3)
        check_changed(bytes, len);
    free(text);
    return 0;
}
