/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
    FIRST_BLOCK_BYTES = 4096
};

struct block
{
    struct block *next; /* the block filled before this one */
    size_t size;
    size_t used;
    alignas(max_align_t) unsigned char data[];
};

struct deferred
{
    struct deferred *next;
    void (*run)(void *thing);
    void *thing;
};

struct arena
{
    struct block *top;
    struct deferred *deferred;
    size_t max_bytes;
    size_t held_bytes; /* sum of block sizes */
    bool failed;
};

static struct block *block_new(size_t size, struct block *next)
{
    struct block *block = malloc(sizeof *block + size);
    if (block == NULL)
        return NULL;
    block->next = next;
    block->size = size;
    block->used = 0;
    return block;
}

struct arena *arena_new(size_t max_bytes)
{
    return arena_new_sized(FIRST_BLOCK_BYTES, max_bytes);
}

struct arena *arena_new_sized(size_t first_bytes, size_t max_bytes)
{
    struct arena *arena = calloc(1, sizeof *arena);
    if (arena == NULL)
        return NULL;
    arena->top = block_new(first_bytes, NULL);
    if (arena->top == NULL)
    {
        free(arena);
        return NULL;
    }
    arena->held_bytes = first_bytes;
    arena->max_bytes = max_bytes > first_bytes ? max_bytes : first_bytes;
    return arena;
}

static void run_deferred(struct arena *arena)
{
    struct deferred *deferred = arena->deferred;
    arena->deferred = NULL;
    for (; deferred != NULL; deferred = deferred->next)
        deferred->run(deferred->thing);
}

void arena_reset(struct arena *arena)
{
    run_deferred(arena);
    while (arena->top->next != NULL)
    {
        struct block *dead = arena->top;
        arena->top = dead->next;
        arena->held_bytes -= dead->size;
        free(dead);
    }
    arena->top->used = 0;
    arena->failed = false;
}

void arena_free(struct arena *arena)
{
    if (arena == NULL)
        return;
    arena_reset(arena);
    free(arena->top);
    free(arena);
}

/* Blocks double, so that a request of n bytes costs O(log n) calls to malloc. */
static bool grow(struct arena *arena, size_t bytes)
{
    size_t size = arena->top->size * 2;
    if (size < bytes)
        size = bytes;
    size_t left = arena->max_bytes - arena->held_bytes;
    if (size > left)
        size = left;
    if (size < bytes)
        return false;
    struct block *block = block_new(size, arena->top);
    if (block == NULL)
        return false;
    arena->top = block;
    arena->held_bytes += size;
    return true;
}

void *arena_alloc(struct arena *arena, size_t bytes)
{
    const size_t align = alignof(max_align_t);
    if (bytes > SIZE_MAX - align)
    {
        arena->failed = true;
        return NULL;
    }
    bytes = (bytes + align - 1) & ~(align - 1);
    if (arena->top->size - arena->top->used < bytes && !grow(arena, bytes))
    {
        arena->failed = true;
        return NULL;
    }
    void *at = arena->top->data + arena->top->used;
    arena->top->used += bytes;
    memset(at, 0, bytes);
    return at;
}

void *arena_array(struct arena *arena, size_t count, size_t each_bytes)
{
    if (each_bytes != 0 && count > SIZE_MAX / each_bytes)
    {
        arena->failed = true;
        return NULL;
    }
    return arena_alloc(arena, count * each_bytes);
}

char *arena_strndup(struct arena *arena, const char *text, size_t len)
{
    char *copy = arena_alloc(arena, len + 1);
    if (copy != NULL && len > 0)
        memcpy(copy, text, len);
    return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return text == NULL ? NULL : arena_strndup(arena, text, strlen(text));
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    char *text = len < 0 ? NULL : arena_alloc(arena, (size_t)len + 1);
    if (text != NULL)
        vsnprintf(text, (size_t)len + 1, fmt, again);
    va_end(again);
    return text;
}

bool arena_defer(struct arena *arena, void (*run)(void *thing), void *thing)
{
    struct deferred *deferred = arena_alloc(arena, sizeof *deferred);
    if (deferred == NULL)
    {
        run(thing);
        return false;
    }
    deferred->run = run;
    deferred->thing = thing;
    deferred->next = arena->deferred;
    arena->deferred = deferred;
    return true;
}

bool arena_failed(const struct arena *arena)
{
    return arena->failed;
}

size_t arena_used_bytes(const struct arena *arena)
{
    return arena->held_bytes;
}
