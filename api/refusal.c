/* SPDX-License-Identifier: Apache-2.0 */
#include "api/refusal.h"

#include "api/conns.h"
#include "api/mw/chain.h"
#include "api/reply.h"
#include "api/screen.h"

void refusal_judge(unsigned status, struct err *err)
{
    switch (status)
    {
    case 413:
        fail(err, E_TOO_LARGE, "the body may not have that many bytes");
        return;
    case 414: /* the address is a part of the head */
    case 431:
        fail(err, E_HEADERS, "the head of a request may have %d bytes", SCREEN_MAX_HEAD_BYTES);
        return;
    case 500:
        fail(err, E_NO_MEMORY, "out of memory");
        return;
    case 505:
        fail(err, E_VERSION, "only HTTP/1.1 and HTTP/1.0 are spoken here");
        return;
    default:
        fail(err, E_INVALID, "this is no HTTP/1.1");
        return;
    }
}

void refusal_send(struct request *req, const struct err *err)
{
    struct buf text;
    buf_init(&text, REPLY_MAX_BYTES);
    if (req->id[0] == '\0')
        screen_request_id(req);
    reply_error_and_close(req, err);
    chain_finish(req);
    reply_raw(req, &text);
    if (!text.failed)
        conn_send_past(req->conn, text.data, text.len);
    buf_fini(&text);
}
