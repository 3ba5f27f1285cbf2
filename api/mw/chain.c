/* SPDX-License-Identifier: Apache-2.0 */
#include "api/mw/chain.h"

#include "api/mw/limits.h"
#include "api/mw/links.h"

#include <stddef.h>

/* Before: the request id and refusals of smuggled headers (screen.c), the route (router.c), draining, and the
 * limits of the address. */
const struct link chain_event[] = {

    {"internal", internal_check},
    {"credentials", auth_early},
    {"limits", limits_early},
    {"query", query_check},
    {"size", size_check},
    {"type", type_check},
    {"idempotency key", idempotency_check},
    {"database", database_check},
    {"backlog", backlog_check},
    {"uploads", upload_check},
    {NULL, NULL},
};

const struct link chain_executor[] = {
    {"deadline", deadline_check},
    {"auth", auth_find},
    {"role", auth_allow},
    {NULL, NULL},
};

/* Between the two the limits are counted, of a batch at once (limits.h). */
const struct link chain_admitted[] = {
    {"idempotency hash", idempotency_hash},
    {NULL, NULL},
};

const struct link chain_answered[] = {
    {"auth", auth_find},
    {NULL, NULL},
};

enum err_code chain_run(const struct link *chain, struct request *req, struct err *err)
{
    for (; chain->name != NULL; chain++)
        if (chain->run(req, err) != E_OK)
            return err->code;
    return E_OK;
}

void chain_finish(struct request *req)
{
    answer_charge(req);
    cors_add(req);
    access_note(req);
}
