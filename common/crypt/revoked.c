/* SPDX-License-Identifier: Apache-2.0 */
#include "common/crypt/revoked.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum
{
    FIRST_SLOTS = 64 /* a power of two, as every size */
};

struct revoked
{
    pthread_mutex_t lock;         /* guards the table */
    struct revoked_subject *slot; /* open addressing; an empty id is a free slot */
    size_t slots;
    size_t taken; /* at most half of them */
    _Atomic int64_t looked_ms;
};

struct revoked *revoked_new(void)
{
    struct revoked *revoked = calloc(1, sizeof *revoked);
    if (revoked == NULL)
        return NULL;
    revoked->slot = calloc(FIRST_SLOTS, sizeof *revoked->slot);
    revoked->slots = FIRST_SLOTS;
    revoked->looked_ms = INT64_MIN;
    pthread_mutex_init(&revoked->lock, NULL);
    if (revoked->slot != NULL)
        return revoked;
    revoked_free(revoked);
    return NULL;
}

void revoked_free(struct revoked *revoked)
{
    if (revoked == NULL)
        return;
    pthread_mutex_destroy(&revoked->lock);
    free(revoked->slot);
    free(revoked);
}

/* The slot of the id, or the free one where it would go.  Ids are made by us, so nobody picks them to
 * collide. */
static struct revoked_subject *slot_of(struct revoked_subject *slot, size_t slots, const struct id *id)
{
    uint64_t hash = 14695981039346656037u;
    for (const char *c = id->text; *c != '\0'; c++)
        hash = (hash ^ (unsigned char)*c) * 1099511628211u;
    size_t at = (size_t)(hash ^ hash >> 32) & (slots - 1);
    while (slot[at].id.text[0] != '\0' && strcmp(slot[at].id.text, id->text) != 0)
        at = (at + 1) & (slots - 1);
    return &slot[at];
}

/* Leaves out what has ended; doubles the table when that makes too little room. */
static bool make_room(struct revoked *revoked, int64_t now_s)
{
    size_t alive = 0;
    for (size_t i = 0; i < revoked->slots; i++)
        alive += revoked->slot[i].ends_s > now_s ? 1 : 0;
    const size_t slots = alive * 4 > revoked->slots ? revoked->slots * 2 : revoked->slots;
    struct revoked_subject *slot = calloc(slots, sizeof *slot);
    if (slot == NULL)
        return false;
    for (size_t i = 0; i < revoked->slots; i++)
        if (revoked->slot[i].ends_s > now_s)
            *slot_of(slot, slots, &revoked->slot[i].id) = revoked->slot[i];
    free(revoked->slot);
    revoked->slot = slot;
    revoked->slots = slots;
    revoked->taken = alive;
    return true;
}

enum err_code revoked_keep(struct revoked *revoked, const struct revoked_subject *subject, int64_t now_s,
                           struct err *err)
{
    pthread_mutex_lock(&revoked->lock);
    bool has_room = (revoked->taken + 1) * 2 <= revoked->slots || make_room(revoked, now_s);
    if (has_room)
    {
        struct revoked_subject *slot = slot_of(revoked->slot, revoked->slots, &subject->id);
        revoked->taken += slot->id.text[0] == '\0' ? 1 : 0;
        *slot = *subject;
    }
    pthread_mutex_unlock(&revoked->lock);
    return has_room ? E_OK : fail(err, E_NO_MEMORY, "no memory for the sessions that have ended");
}

bool revoked_find(struct revoked *revoked, const struct id *id, struct revoked_subject *found)
{
    pthread_mutex_lock(&revoked->lock);
    const struct revoked_subject *slot = slot_of(revoked->slot, revoked->slots, id);
    bool is_known = slot->id.text[0] != '\0';
    if (is_known)
        *found = *slot;
    pthread_mutex_unlock(&revoked->lock);
    return is_known;
}

void revoked_looked(struct revoked *revoked, int64_t at_ms)
{
    atomic_store(&revoked->looked_ms, at_ms);
}

bool revoked_is_fresh(const struct revoked *revoked, int64_t now_ms)
{
    int64_t looked_ms = atomic_load(&revoked->looked_ms);
    return looked_ms != INT64_MIN && now_ms - looked_ms <= REVOKED_FRESH_MS;
}
