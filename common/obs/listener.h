/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listener.h -- a very small HTTP responder for a worker's /health, /ready, /livez and /metrics.
 *
 *     static const struct listener_page pages[] = {{"/livez", "application/json", fill_live}, ...};
 *     struct listener_config config = {.host = ..., .port = ..., .pages = pages, ...};
 *     listener_start(&config, &listener, &err);
 *
 * One thread and poll(2): GET and HEAD only, at most LISTENER_MAX connections at once, each has
 * LISTENER_DEADLINE_MS from accept to the last byte and is closed after one answer.  It is not for
 * the public internet: bind it to loopback or a private network; `allow` decides which clients are answered.
 *
 * Bytes that are no head (head.h) are answered 400.  Of pages with one path the first that the client accepts
 * is answered.
 *
 * `fill` runs on the listener's thread, must not block, and its result decides between 200 and 503.
 * Ownership: pages and `of` are borrowed until listener_stop has returned.
 */
#ifndef SOKOUL_COMMON_OBS_LISTENER_H
#define SOKOUL_COMMON_OBS_LISTENER_H

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/obs/report.h"

#include <stddef.h>
#include <sys/socket.h>

enum
{
    LISTENER_MAX = 16,
    LISTENER_DEADLINE_MS = 2000,
    LISTENER_LATE_MS = 300,
    LISTENER_HEAD_BYTES = 4096,
    LISTENER_MAX_REPLY_BYTES = 1 << 20
};

struct listener;

struct listener_page
{
    const char *path;
    const char *content_type;
    enum report_verdict (*fill)(void *of, struct buf *out);
    const char *accept; /* only for clients whose Accept header names this; NULL: for all */
};

struct listener_config
{
    const char *host; /* numeric */
    int port;         /* 0: any free one */
    const struct listener_page *pages;
    size_t count;
    void *of;
    bool (*allow)(void *of, const struct sockaddr *peer); /* NULL: everyone */
};

/* E_UNAVAILABLE: the address is taken or not ours. */
MUST_USE enum err_code listener_start(const struct listener_config *config, struct listener **listener,
                                      struct err *err);
int listener_port(const struct listener *listener);
/* Answers clients that are connected or in the listening queue, for LISTENER_LATE_MS at most, and waits for
 * the thread.  NULL is fine. */
void listener_stop(struct listener *listener);

#endif
