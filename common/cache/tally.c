/* SPDX-License-Identifier: Apache-2.0 */
#include "common/cache/tally.h"

#include "common/base/random.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum
{
    SETS = 4096, /* a power of two */
    WAYS = 7,
    SECONDS = TALLY_WINDOW_S + 1,
    LOOSE_SECONDS = TALLY_WINDOW_S - 1, /* the latest of them, which count when asked loosely */
    SECOND_MS = 1000
};

_Static_assert(TALLY_KEYS == SETS * WAYS, "the header says how many keys there is room for");

struct counter
{
    uint64_t key; /* hash; 0: free */
    int64_t refused_until_ms;
    int64_t newest_s; /* the second that was counted last */
    uint32_t sum;
    uint16_t taken[SECONDS]; /* by second, modulo; one that is full takes no more */
};

struct set
{
    struct counter own[WAYS];
    struct counter shared; /* of the keys that found no room */
};

struct tally
{
    pthread_mutex_t lock; /* guards the sets */
    uint64_t secret[2];
    struct set set[SETS];
};

struct tally *tally_new(void)
{
    struct tally *tally = calloc(1, sizeof *tally);
    if (tally == NULL)
        return NULL;
    pthread_mutex_init(&tally->lock, NULL);
    random_bytes(tally->secret, sizeof tally->secret);
    return tally;
}

void tally_free(struct tally *tally)
{
    if (tally == NULL)
        return;
    pthread_mutex_destroy(&tally->lock);
    free(tally);
}

/* ---- SipHash-2-4 (Aumasson and Bernstein), of a text whose length is its own last byte ----------- */

static uint64_t turned(uint64_t word, int bits)
{
    return word << bits | word >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = turned(v[1], 13) ^ v[0];
    v[0] = turned(v[0], 32);
    v[2] += v[3];
    v[3] = turned(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = turned(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = turned(v[1], 17) ^ v[2];
    v[2] = turned(v[2], 32);
}

static void sip_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    sip_round(v);
    v[0] ^= word;
}

static uint64_t hash_of(const struct tally *tally, const char *text)
{
    const uint64_t *k = tally->secret;
    uint64_t v[4] = {k[0] ^ 0x736f6d6570736575u, k[1] ^ 0x646f72616e646f6du, k[0] ^ 0x6c7967656e657261u,
                     k[1] ^ 0x7465646279746573u};
    const size_t len = strlen(text);
    size_t at = 0;
    uint64_t word = 0;
    for (; at + sizeof word <= len; at += sizeof word)
    {
        memcpy(&word, text + at, sizeof word);
        sip_word(v, word);
    }
    word = 0;
    memcpy(&word, text + at, len - at);
    sip_word(v, word | (uint64_t)len << 56);
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(v);
    const uint64_t hash = v[0] ^ v[1] ^ v[2] ^ v[3];
    return hash != 0 ? hash : 1;
}

/* ---- one counter, with the lock held -------------------------------------------------------------- */

static bool is_over(const struct counter *counter, int64_t now_s)
{
    return counter->newest_s + SECONDS <= now_s && counter->refused_until_ms <= now_s * SECOND_MS;
}

/* Forgets the seconds that lie too far back. */
static void advance(struct counter *counter, int64_t now_s)
{
    if (counter->newest_s + SECONDS <= now_s)
    {
        memset(counter->taken, 0, sizeof counter->taken);
        counter->sum = 0;
        counter->newest_s = now_s;
    }
    while (counter->newest_s < now_s)
    {
        uint16_t *taken = &counter->taken[++counter->newest_s % SECONDS];
        counter->sum -= *taken;
        *taken = 0;
    }
}

static uint32_t used_of(const struct counter *counter, enum tally_how how)
{
    uint32_t used = counter->sum;
    if (how == TALLY_LOOSELY)
        for (int64_t i = 1; i <= SECONDS - LOOSE_SECONDS; i++)
            used -= counter->taken[(counter->newest_s + i) % SECONDS];
    return used;
}

/* Until so few are left that one more is less than the limit, or than one fewer than are there. */
static int64_t wait_of(const struct counter *counter, const struct tally_ask *ask, int64_t now_ms)
{
    uint32_t left = counter->sum;
    if (left == 0)
        return 0;
    for (int64_t second = counter->newest_s - SECONDS + 1; second <= counter->newest_s; second++)
    {
        left -= counter->taken[second % SECONDS];
        if (left < ask->limit && left < counter->sum)
            return (second + SECONDS) * SECOND_MS - now_ms;
    }
    return (int64_t)SECONDS * SECOND_MS;
}

/* The counter of the key, or one that it may have; the shared one when there is none. */
static struct counter *counter_of(struct set *set, uint64_t key, int64_t now_s)
{
    struct counter *free_one = NULL;
    for (int i = 0; i < WAYS; i++)
    {
        if (set->own[i].key == key)
            return &set->own[i];
        if (free_one == NULL && (set->own[i].key == 0 || is_over(&set->own[i], now_s)))
            free_one = &set->own[i];
    }
    if (free_one == NULL)
        return &set->shared;
    *free_one = (struct counter){.key = key, .newest_s = now_s};
    return free_one;
}

/* The counter of the key as of now. */
static struct counter *look_up(struct tally *tally, const char *text, int64_t now_ms)
{
    const uint64_t key = hash_of(tally, text);
    const int64_t now_s = now_ms / SECOND_MS;
    struct counter *counter = counter_of(&tally->set[key % SETS], key, now_s);
    advance(counter, now_s);
    return counter;
}

static bool has_room(const struct counter *counter, const struct tally_ask *ask)
{
    return ask->used < ask->limit && counter->taken[counter->newest_s % SECONDS] < UINT16_MAX;
}

/* ---- what is asked --------------------------------------------------------------------------------- */

/* Seconds are counted from a minute before the clock began, so that none that is looked at is negative. */
static int64_t inside(int64_t ms)
{
    return ms + (int64_t)SECONDS * SECOND_MS;
}

bool tally_take(struct tally *tally, struct tally_ask *asks, size_t count, enum tally_how how, int64_t now_ms)
{
    struct counter *found[TALLY_MAX_ASKS];
    bool all = count <= TALLY_MAX_ASKS;
    pthread_mutex_lock(&tally->lock);
    for (size_t i = 0; i < count && count <= TALLY_MAX_ASKS; i++)
    {
        found[i] = look_up(tally, asks[i].key, inside(now_ms));
        const bool is_own = found[i]->key != 0;
        asks[i].used = is_own || how == TALLY_STRICTLY ? used_of(found[i], how) : 0;
        all = has_room(found[i], &asks[i]) && all;
    }
    for (size_t i = 0; i < count && count <= TALLY_MAX_ASKS; i++)
    {
        if (all)
        {
            found[i]->taken[found[i]->newest_s % SECONDS]++;
            found[i]->sum++;
            asks[i].used++;
        }
        if (!all || how == TALLY_STRICTLY) /* else somebody who counts exactly has told it */
            asks[i].wait_ms = wait_of(found[i], &asks[i], inside(now_ms));
    }
    pthread_mutex_unlock(&tally->lock);
    return all;
}

void tally_refuse(struct tally *tally, const char *key, int64_t until_ms, int64_t now_ms)
{
    pthread_mutex_lock(&tally->lock);
    struct counter *counter = look_up(tally, key, inside(now_ms));
    if (counter->key != 0) /* what is true of one is not of all that share */
        counter->refused_until_ms = inside(until_ms);
    pthread_mutex_unlock(&tally->lock);
}

int64_t tally_refused_ms(struct tally *tally, const char *key, int64_t now_ms)
{
    const uint64_t hash = hash_of(tally, key);
    const struct set *set = &tally->set[hash % SETS];
    int64_t wait_ms = 0;
    pthread_mutex_lock(&tally->lock);
    for (int i = 0; i < WAYS; i++)
        if (set->own[i].key == hash && set->own[i].refused_until_ms > inside(now_ms))
            wait_ms = set->own[i].refused_until_ms - inside(now_ms);
    pthread_mutex_unlock(&tally->lock);
    return wait_ms;
}
