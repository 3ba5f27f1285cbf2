/* SPDX-License-Identifier: Apache-2.0 */
/* Small bodies are free: there are as many as there are connections, and not more. */
#include "api/mw/links.h"

#include "api/reply.h"

#include <stdlib.h>

enum
{
    FREE_BYTES = 4096
};

enum err_code upload_check(struct request *req, struct err *err)
{
    const char *length = req->header[HEADER_CONTENT_LENGTH];
    const unsigned long long bytes = length != NULL ? strtoull(length, NULL, 10) : 0;
    if (bytes <= FREE_BYTES)
        return E_OK;
    return budget_ask(req->budgets->uploads, request_owner(req), (size_t)bytes, err);
}

enum err_code upload_charge(struct request *req, struct err *err)
{
    if (req->upload.len <= FREE_BYTES)
        return E_OK;
    return budget_take(req->budgets->uploads, request_owner(req), req->upload.len - req->uploaded.bytes,
                       &req->uploaded, err);
}

void answer_charge(struct request *req)
{
    struct err err = ERR_INIT;
    if (req->reply.body.len <= FREE_BYTES || req->answered.holder != NULL)
        return;
    if (budget_take(req->budgets->answers, request_owner(req), req->reply.body.len, &req->answered, &err) ==
        E_OK)
        return;
    buf_fini(&req->reply.body);
    reply_error(req, &err);
}
