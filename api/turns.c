/* SPDX-License-Identifier: Apache-2.0 */
#include "api/turns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
    BUCKETS = 1024,
    LOOK_AHEAD = 512 /* requests looked at for a batch: keeps the lock short */
};

/* Made by the first request of an owner, gone with the last. */
struct turns_owner
{
    struct turns_owner *in_bucket;
    struct turns_owner *next; /* in the ring, while something of theirs waits */
    struct turns_owner *before;
    struct request *head;
    struct request *tail;
    int waiting;
    int running;
    char name[REQUEST_CLIENT_SIZE];
};

struct turns
{
    struct turns_owner *bucket[BUCKETS];
    struct turns_owner *first;
    struct turns_owner *last;
    int waiting;
    int max_waiting;
    int max_running;
};

struct turns *turns_new(int max_waiting, int max_running)
{
    struct turns *turns = calloc(1, sizeof *turns);
    if (turns == NULL)
        return NULL;
    turns->max_waiting = max_waiting;
    turns->max_running = max_running;
    return turns;
}

void turns_free(struct turns *turns)
{
    free(turns);
}

int turns_waiting(const struct turns *turns)
{
    return turns->waiting;
}

/* ---- owners ---------------------------------------------------------------------------------- */

static struct turns_owner **slot_of(struct turns *turns, const char *name)
{
    uint32_t hash = 2166136261u;
    for (const char *c = name; *c != '\0'; c++)
        hash = (hash ^ (unsigned char)*c) * 16777619u;
    struct turns_owner **link = &turns->bucket[hash % BUCKETS];
    while (*link != NULL && strcmp((*link)->name, name) != 0)
        link = &(*link)->in_bucket;
    return link;
}

static struct turns_owner *owner_get(struct turns *turns, const char *name)
{
    struct turns_owner **link = slot_of(turns, name);
    if (*link != NULL || (*link = calloc(1, sizeof **link)) == NULL)
        return *link;
    snprintf((*link)->name, sizeof(*link)->name, "%s", name);
    return *link;
}

static void owner_put(struct turns *turns, struct turns_owner *owner)
{
    if (owner->waiting > 0 || owner->running > 0)
        return;
    *slot_of(turns, owner->name) = owner->in_bucket;
    free(owner);
}

static void ring_leave(struct turns *turns, const struct turns_owner *owner)
{
    *(owner->before != NULL ? &owner->before->next : &turns->first) = owner->next;
    *(owner->next != NULL ? &owner->next->before : &turns->last) = owner->before;
}

static void ring_append(struct turns *turns, struct turns_owner *owner)
{
    owner->next = NULL;
    owner->before = turns->last;
    *(turns->last != NULL ? &turns->last->next : &turns->first) = owner;
    turns->last = owner;
}

/* ---- one owner's requests -------------------------------------------------------------------- */

static void append(struct turns *turns, struct turns_owner *owner, struct request *req)
{
    if (owner->waiting++ == 0)
        ring_append(turns, owner);
    turns->waiting++;
    req->turn = owner;
    req->next = NULL;
    req->before = owner->tail;
    *(owner->tail != NULL ? &owner->tail->next : &owner->head) = req;
    owner->tail = req;
}

/* The owner stays, for whoever asks what is left. */
static void take_out(struct turns *turns, struct request *req)
{
    struct turns_owner *owner = req->turn;
    *(req->before != NULL ? &req->before->next : &owner->head) = req->next;
    *(req->next != NULL ? &req->next->before : &owner->tail) = req->before;
    turns->waiting--;
    if (--owner->waiting == 0)
        ring_leave(turns, owner);
}

static struct turns_owner *longest(const struct turns *turns)
{
    struct turns_owner *most = turns->first;
    for (struct turns_owner *owner = turns->first; owner != NULL; owner = owner->next)
        if (owner->waiting > most->waiting)
            most = owner;
    return most;
}

struct request *turns_push(struct turns *turns, struct request *req)
{
    struct turns_owner *owner = owner_get(turns, request_owner(req));
    struct request *loser = NULL;
    if (owner == NULL)
        return req;
    if (turns->waiting >= turns->max_waiting)
    {
        struct turns_owner *most = longest(turns);
        if (most == NULL || most->waiting <= owner->waiting + 1)
        {
            owner_put(turns, owner);
            return req;
        }
        loser = most->tail;
        take_out(turns, loser);
        owner_put(turns, most);
    }
    append(turns, owner, req);
    return loser;
}

/* ---- rounds ------------------------------------------------------------------------------------ */

struct round
{
    const struct route *route;
    struct request **out;
    size_t max;
    size_t count;
    int looked;
};

static bool is_full(const struct round *round)
{
    return round->count == round->max || round->looked >= LOOK_AHEAD;
}

/* True: they had something for this round. */
static bool take_from(struct turns *turns, struct turns_owner *owner, struct round *round)
{
    const size_t before = round->count;
    for (struct request *req = owner->head, *next; req != NULL && !is_full(round); req = next)
    {
        next = req->next;
        round->looked++;
        if (req->route != round->route || owner->running >= turns->max_running)
            continue;
        take_out(turns, req);
        owner->running++;
        round->out[round->count++] = req;
    }
    return round->count > before;
}

size_t turns_take(struct turns *turns, struct request *out[ROUTE_BATCH])
{
    struct turns_owner *owner = turns->first;
    while (owner != NULL && owner->running >= turns->max_running)
        owner = owner->next;
    if (owner == NULL)
        return 0;
    const struct request *head = owner->head;
    const bool is_first = head->step.run == NULL && !head->only_counts; /* else there may be no route */
    const bool together = is_first && head->route->handle_batch != NULL;
    struct round round = {.route = head->route, .out = out, .max = together ? ROUTE_BATCH : 1};
    const struct turns_owner *const last = turns->last;
    for (bool is_last = false; !is_last && !is_full(&round);)
    {
        struct turns_owner *next = owner->next;
        is_last = owner == last;
        if (take_from(turns, owner, &round) && owner->waiting > 0) /* to the end of the ring */
        {
            ring_leave(turns, owner);
            ring_append(turns, owner);
        }
        owner = next;
    }
    return round.count;
}

void turns_end(struct turns *turns, struct request *req)
{
    struct turns_owner *owner = req->turn;
    owner->running--;
    owner_put(turns, owner);
}

struct request *turns_leave(struct turns *turns, bool (*leaves)(const struct request *req))
{
    struct request *gone = NULL;
    struct request **end = &gone;
    for (struct turns_owner *owner = turns->first, *next; owner != NULL; owner = next)
    {
        next = owner->next;
        for (struct request *req = owner->head, *after; req != NULL; req = after)
        {
            after = req->next;
            if (!leaves(req))
                continue;
            take_out(turns, req);
            req->next = NULL;
            *end = req;
            end = &req->next;
        }
        owner_put(turns, owner);
    }
    return gone;
}
