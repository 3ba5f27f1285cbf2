/* SPDX-License-Identifier: Apache-2.0 */
#include "common/crypt/seen.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum
{
    BUCKETS = 256, /* a power of two: two digits of the digest name one */
    WAYS = 4
};

struct entry
{
    struct digest digest; /* empty: free */
    struct seen_token token;
};

struct seen
{
    pthread_mutex_t lock; /* guards all below */
    struct entry bucket[BUCKETS][WAYS];
};

struct seen *seen_new(void)
{
    struct seen *seen = calloc(1, sizeof *seen);
    if (seen != NULL)
        pthread_mutex_init(&seen->lock, NULL);
    return seen;
}

void seen_free(struct seen *seen)
{
    if (seen == NULL)
        return;
    pthread_mutex_destroy(&seen->lock);
    free(seen);
}

static unsigned digit(char hex)
{
    return hex <= '9' ? (unsigned)(hex - '0') : (unsigned)(hex - 'a') + 10;
}

static struct entry *bucket_of(struct seen *seen, const struct digest *token)
{
    return seen->bucket[digit(token->hex[0]) << 4 | digit(token->hex[1])];
}

bool seen_find(struct seen *seen, const struct digest *token, struct seen_token *found)
{
    struct entry *bucket = bucket_of(seen, token);
    bool is_known = false;
    pthread_mutex_lock(&seen->lock);
    for (int i = 0; i < WAYS && !is_known; i++)
        if ((is_known = digest_equal(&bucket[i].digest, token)))
            *found = bucket[i].token;
    pthread_mutex_unlock(&seen->lock);
    return is_known;
}

void seen_clear(struct seen *seen)
{
    pthread_mutex_lock(&seen->lock);
    memset(seen->bucket, 0, sizeof seen->bucket);
    pthread_mutex_unlock(&seen->lock);
}

void seen_keep(struct seen *seen, const struct digest *token, const struct seen_token *good)
{
    struct entry *bucket = bucket_of(seen, token);
    struct entry *oldest = bucket;
    pthread_mutex_lock(&seen->lock);
    for (int i = 1; i < WAYS; i++)
        if (bucket[i].token.claims.expires_s < oldest->token.claims.expires_s)
            oldest = &bucket[i];
    *oldest = (struct entry){.digest = *token, .token = *good};
    pthread_mutex_unlock(&seen->lock);
}
