/* SPDX-License-Identifier: Apache-2.0 */
#include "api/budget.h"

#include "api/request.h"
#include "common/conf/conf.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
    BUCKETS = 1024,
    MIB = 1 << 20,
    RETRY_S = 2
};

struct budget_holder
{
    struct budget_holder *next;
    size_t bytes;
    char name[REQUEST_CLIENT_SIZE];
};

struct budget
{
    pthread_mutex_t lock; /* guards the rest */
    size_t max_bytes;
    size_t max_bytes_each;
    size_t bytes;
    struct budget_holder *bucket[BUCKETS];
};

struct budget *budget_new(size_t max_bytes, size_t max_bytes_each)
{
    struct budget *budget = calloc(1, sizeof *budget);
    if (budget == NULL)
        return NULL;
    budget->max_bytes = max_bytes;
    budget->max_bytes_each = max_bytes_each;
    pthread_mutex_init(&budget->lock, NULL);
    return budget;
}

void budget_free(struct budget *budget)
{
    if (budget == NULL)
        return;
    pthread_mutex_destroy(&budget->lock);
    free(budget);
}

enum err_code budgets_open(const struct conf *conf, struct budgets *budgets, struct err *err)
{
    budgets->uploads =
        budget_new((size_t)conf->api_uploads_mib * MIB, (size_t)conf->api_uploads_per_user_mib * MIB);
    budgets->answers =
        budget_new((size_t)conf->api_answers_mib * MIB, (size_t)conf->api_answers_per_user_mib * MIB);
    if (budgets->uploads == NULL || budgets->answers == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    return E_OK;
}

void budgets_close(struct budgets *budgets)
{
    budget_free(budgets->uploads);
    budget_free(budgets->answers);
}

static struct budget_holder **slot_of(struct budget *budget, const char *name)
{
    uint32_t hash = 2166136261u;
    for (const char *c = name; *c != '\0'; c++)
        hash = (hash ^ (unsigned char)*c) * 16777619u;
    struct budget_holder **link = &budget->bucket[hash % BUCKETS];
    while (*link != NULL && strcmp((*link)->name, name) != 0)
        link = &(*link)->next;
    return link;
}

/* Under the lock. The client's own part is looked at first: a client that uses too much is not answered
 * that others do. */
static enum err_code admit(const struct budget *budget, const struct budget_holder *holder, size_t bytes,
                           struct err *err)
{
    if (holder != NULL && holder->bytes + bytes > budget->max_bytes_each)
        fail(err, E_TOO_MANY, "you are sending or receiving too much at once, please wait for it to end");
    else if (bytes > budget->max_bytes - budget->bytes)
        fail(err, E_UNAVAILABLE, "too much is being sent and received at the moment, please ask again");
    else
        return E_OK;
    err->retry_after_s = RETRY_S;
    return err->code;
}

static enum err_code take(struct budget *budget, const char *name, size_t bytes, struct budget_share *share,
                          struct err *err)
{
    struct budget_holder **link = slot_of(budget, name);
    if (admit(budget, *link, bytes, err) != E_OK)
        return err->code;
    if (*link == NULL)
    {
        struct budget_holder *holder = calloc(1, sizeof *holder);
        if (holder == NULL)
            return fail(err, E_NO_MEMORY, "out of memory");
        snprintf(holder->name, sizeof holder->name, "%s", name);
        *link = holder;
    }
    (*link)->bytes += bytes;
    budget->bytes += bytes;
    share->budget = budget;
    share->holder = *link;
    share->bytes += bytes;
    return E_OK;
}

enum err_code budget_take(struct budget *budget, const char *holder, size_t bytes, struct budget_share *share,
                          struct err *err)
{
    if (bytes == 0)
        return E_OK;
    pthread_mutex_lock(&budget->lock);
    enum err_code code = take(budget, holder, bytes, share, err);
    pthread_mutex_unlock(&budget->lock);
    return code;
}

enum err_code budget_ask(struct budget *budget, const char *holder, size_t bytes, struct err *err)
{
    pthread_mutex_lock(&budget->lock);
    enum err_code code = admit(budget, *slot_of(budget, holder), bytes, err);
    pthread_mutex_unlock(&budget->lock);
    return code;
}

void budget_give(struct budget_share *share)
{
    struct budget_holder *holder = share->holder;
    struct budget *budget = share->budget;
    if (holder == NULL)
        return;
    pthread_mutex_lock(&budget->lock);
    budget->bytes -= share->bytes;
    holder->bytes -= share->bytes;
    if (holder->bytes == 0)
    {
        *slot_of(budget, holder->name) = holder->next;
        free(holder);
    }
    pthread_mutex_unlock(&budget->lock);
    *share = (struct budget_share){0};
}
