/* SPDX-License-Identifier: Apache-2.0 */
/*
 * budget.h -- bytes that clients may make the process hold at once: in all, and each of them.
 *
 *     struct budget_share share = {0};
 *     if (budget_take(budget, holder, bytes, &share, err) != E_OK) ...
 *     budget_give(&share);            all of it; a share of nothing is fine
 *
 * There is one for what is being uploaded and one for answers that have not been read.  A holder is a
 * user's id, or an address of who has not logged in.  One who holds nothing may take more than their part,
 * if there is that much in all, so that whatever may be asked for can be answered.
 *
 * Threads: any; a share belongs to one thread at a time.  Never blocks.
 */
#ifndef SOKOUL_API_BUDGET_H
#define SOKOUL_API_BUDGET_H

#include "common/base/err.h"

#include <stddef.h>

struct budget;
struct budget_holder;

struct budgets
{
    struct budget *uploads;
    struct budget *answers;
};

struct conf;
/* By API_UPLOADS_MIB and the settings beside it. */
MUST_USE enum err_code budgets_open(const struct conf *conf, struct budgets *budgets, struct err *err);
void budgets_close(struct budgets *budgets);

struct budget_share
{
    struct budget *budget;
    struct budget_holder *holder; /* NULL: nothing is held */
    size_t bytes;
};

struct budget *budget_new(size_t max_bytes, size_t max_bytes_each); /* NULL when out of memory */
void budget_free(struct budget *budget); /* every share must be back; NULL is fine */

/* Adds to the share.  E_TOO_MANY: this holder has enough; else E_UNAVAILABLE: all together have. */
MUST_USE enum err_code budget_take(struct budget *budget, const char *holder, size_t bytes,
                                   struct budget_share *share, struct err *err);
/* Whether it would be given now, for what has only been announced. */
MUST_USE enum err_code budget_ask(struct budget *budget, const char *holder, size_t bytes, struct err *err);
void budget_give(struct budget_share *share);

#endif
