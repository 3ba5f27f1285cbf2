/* SPDX-License-Identifier: Apache-2.0 */
#include "api/keys.h"

#include <pthread.h>
#include <stdlib.h>

enum
{
    BUCKETS = 64, /* of a power of two: the first digits of the digest name one */
    WAYS = 4
};

struct entry
{
    struct digest digest; /* empty: free */
    struct key_known known;
};

struct keys
{
    pthread_mutex_t lock; /* guards all below */
    struct entry bucket[BUCKETS][WAYS];
};

struct keys *keys_new(void)
{
    struct keys *keys = calloc(1, sizeof *keys);
    if (keys != NULL)
        pthread_mutex_init(&keys->lock, NULL);
    return keys;
}

void keys_free(struct keys *keys)
{
    if (keys == NULL)
        return;
    pthread_mutex_destroy(&keys->lock);
    free(keys);
}

static struct entry *bucket_of(struct keys *keys, const struct digest *key)
{
    const char two[] = {key->hex[0], key->hex[1], '\0'};
    return keys->bucket[strtoul(two, NULL, 16) % BUCKETS];
}

bool keys_find(struct keys *keys, const struct digest *key, int64_t now_ms, struct key_known *found)
{
    struct entry *bucket = bucket_of(keys, key);
    bool is_known = false;
    pthread_mutex_lock(&keys->lock);
    for (int i = 0; i < WAYS && !is_known; i++)
        if ((is_known = digest_equal(&bucket[i].digest, key) && bucket[i].known.until_ms > now_ms))
            *found = bucket[i].known;
    pthread_mutex_unlock(&keys->lock);
    return is_known;
}

/* The slot of this key, else the one that ends first: what is free or over has ended before all others. */
static struct entry *slot_of(struct entry *bucket, const struct digest *key)
{
    struct entry *slot = bucket;
    for (int i = 0; i < WAYS; i++)
    {
        if (digest_equal(&bucket[i].digest, key))
            return &bucket[i];
        if (bucket[i].known.until_ms < slot->known.until_ms)
            slot = &bucket[i];
    }
    return slot;
}

void keys_keep(struct keys *keys, const struct digest *key, const struct key_known *known)
{
    pthread_mutex_lock(&keys->lock);
    *slot_of(bucket_of(keys, key), key) = (struct entry){.digest = *key, .known = *known};
    pthread_mutex_unlock(&keys->lock);
}
