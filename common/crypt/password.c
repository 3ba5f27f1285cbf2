/* SPDX-License-Identifier: Apache-2.0 */
#include "common/crypt/password.h"

#include "common/base/random.h"
#include "common/crypt/digest.h"

#include <argon2.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum
{
    MEMORY_KIB = 19456,
    PASSES = 2,
    LANES = 1,
    SALT_BYTES = 16,
    HASH_BYTES = 32,
    MOST_MEMORY_KIB = 262144, /* a stored hash that asks for more is not ours */
    MOST_PASSES = 16,
    MOST_LANES = 4
};

/* The only place where argon2's errors become ours. */
static enum err_code translate(int result, struct err *err)
{
    switch (result)
    {
    case ARGON2_OK:
        return E_OK;
    case ARGON2_MEMORY_ALLOCATION_ERROR:
    case ARGON2_THREAD_FAIL:
        return fail(err, E_NO_MEMORY, "not enough memory to check a password");
    default:
        return fail(err, E_UNAUTHENTICATED, "wrong password");
    }
}

static bool too_long(const char *password)
{
    return strnlen(password, PASSWORD_MAX_BYTES + 1) > PASSWORD_MAX_BYTES;
}

enum err_code password_hash(const char *password, struct password_hash *out, struct err *err)
{
    unsigned char salt[SALT_BYTES];
    struct password_hash hash;
    if (too_long(password))
        return fail(err, E_INVALID, "the password is longer than %d bytes", PASSWORD_MAX_BYTES);
    random_bytes(salt, sizeof salt);
    int result = argon2id_hash_encoded(PASSES, MEMORY_KIB, LANES, password, strlen(password), salt,
                                       sizeof salt, HASH_BYTES, hash.text, sizeof hash.text);
    if (result != ARGON2_OK)
        return fail(err, E_NO_MEMORY, "not enough memory to hash a password");
    *out = hash;
    return E_OK;
}

struct cost
{
    unsigned memory_kib;
    unsigned passes;
    unsigned lanes;
};

static bool read_cost(const char *stored, struct cost *cost)
{
    struct cost read;
    int end = 0;
    if (sscanf(stored, "$argon2id$v=19$m=%9u,t=%9u,p=%9u$%n", &read.memory_kib, &read.passes, &read.lanes,
               &end) != 3 ||
        end == 0)
        return false;
    *cost = read;
    return read.memory_kib <= MOST_MEMORY_KIB && read.passes <= MOST_PASSES && read.lanes <= MOST_LANES;
}

enum err_code password_verify(const char *password, const char *stored, struct err *err)
{
    struct cost cost;
    if (too_long(password) || !read_cost(stored, &cost) || strlen(stored) >= PASSWORD_HASH_SIZE)
        return password_verify_nobody(password, err);
    return translate(argon2id_verify(stored, password, strlen(password)), err);
}

enum err_code password_verify_nobody(const char *password, struct err *err)
{
    static const unsigned char salt[SALT_BYTES] = "nobody at all..";
    unsigned char hash[HASH_BYTES];
    size_t len = too_long(password) ? PASSWORD_MAX_BYTES : strlen(password);
    int result =
        argon2id_hash_raw(PASSES, MEMORY_KIB, LANES, password, len, salt, sizeof salt, hash, sizeof hash);
    secret_wipe(hash, sizeof hash);
    if (result != ARGON2_OK)
        return translate(result, err);
    return fail(err, E_UNAUTHENTICATED, "wrong password");
}

bool password_needs_rehash(const char *stored)
{
    struct cost cost;
    return !read_cost(stored, &cost) || cost.memory_kib < MEMORY_KIB || cost.passes < PASSES;
}
