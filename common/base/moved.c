/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/moved.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static struct
{
    pthread_mutex_t lock; /* guards the entries */
    struct entry
    {
        char *first; /* NULL: free */
        const char *now;
        const char *before;
    } list[MOVED_MAX];
    atomic_uint turn;
} book = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* With the lock held. */
static struct entry *find(const char *first)
{
    for (size_t i = 0; i < MOVED_MAX && book.list[i].first != NULL; i++)
        if (strcmp(book.list[i].first, first) == 0)
            return &book.list[i];
    return NULL;
}

static struct entry *find_or_add(const char *first)
{
    struct entry *entry = find(first);
    for (size_t i = 0; i < MOVED_MAX && entry == NULL; i++)
        if (book.list[i].first == NULL)
            entry = &book.list[i];
    if (entry == NULL || entry->first != NULL)
        return entry;
    entry->first = strdup(first);
    entry->now = entry->first;
    return entry->first != NULL ? entry : NULL;
}

/* What follows user and password: going back to an address is right only where it is the same server. */
static const char *place_of(const char *url)
{
    const char *from = strstr(url, "://");
    from = from == NULL ? url : from + 3;
    const char *end = from + strcspn(from, "/?#");
    for (const char *at = end; at > from; at--)
        if (at[-1] == '@')
            return at;
    return from;
}

bool moved_to(const char *first, const char *now)
{
    pthread_mutex_lock(&book.lock);
    struct entry *entry = find_or_add(first);
    const bool news = entry != NULL && strcmp(entry->now, now) != 0;
    const char *copy = news ? strdup(now) : NULL;
    if (copy != NULL)
    {
        entry->before = strcmp(place_of(entry->now), place_of(copy)) == 0 ? entry->now : NULL;
        entry->now = copy; /* the texts before stay, since somebody may be connecting with them */
        atomic_fetch_add(&book.turn, 1);
    }
    pthread_mutex_unlock(&book.lock);
    return entry != NULL && (!news || copy != NULL);
}

struct moved moved_look(const char *first)
{
    pthread_mutex_lock(&book.lock);
    const struct entry *entry = find(first);
    const struct moved moved = {entry != NULL ? entry->now : first, entry != NULL ? entry->before : NULL};
    pthread_mutex_unlock(&book.lock);
    return moved;
}

unsigned moved_turn(void)
{
    return atomic_load(&book.turn);
}
