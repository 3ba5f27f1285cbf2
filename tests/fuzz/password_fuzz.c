/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as a stored hash, as somebody might leave one in the table: it lets nobody in, and costs no more
 * than ours. */
#include "common/crypt/password.h"
#include "common/crypt/refresh.h"
#include "tests/fuzz/text.h"

#include <stdbool.h>
#include <time.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void need(bool holds)
{
    if (!holds)
        abort();
}

static double spent_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct err err = ERR_INIT;
    struct digest digest;
    char *text = fuzz_text(bytes, len);
    const double before_s = spent_s();
    (void)password_needs_rehash(text);
    need(password_verify("a password that no such hash is of", text, &err) == E_UNAUTHENTICATED);
    need(spent_s() - before_s < 4); /* of a sanitizer's build on a busy machine */
    (void)refresh_token_digest(text, &digest);
    free(text);
    return 0;
}
