/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mail.h -- the other half of the door to libcurl: one plain-text mail to one person, by SMTP.
 *
 *     const struct mail_server server = {.url = conf->smtp_url, .from = conf->smtp_from};
 *     const struct mail mail = {.to = address, .subject = "…", .text = "…", .id = job_id, .at_ms = now};
 *     enum err_code code = mail_send(&server, &mail, err);
 *
 * The URL is smtp:// or smtps://, with user:password@ where the server wants a login.  smtp:// goes on
 * over TLS where the server offers it; a password leaves this machine over TLS only.
 *
 * Mails with the same `id` have the same Message-ID, so that a repeat after a crash can be recognised.
 * Nothing in subject or text can make a header or end the mail: line breaks in a subject become spaces,
 * everything that is not plain ASCII is encoded, and addresses that are more than a simple ASCII one are
 * refused.
 *
 * mail_send blocks until the server has taken the mail, `deadline_ms` is over or *cancel is set (seen
 * within a second).  Errors: E_INVALID (recipient), E_CONFIG (sender), E_TOO_LARGE; E_REFUSED the server
 * answered 5xx, which is final; E_PROVIDER it answered 4xx, or there is no connection; E_TIMEOUT;
 * E_CANCELLED; E_NO_MEMORY.  Texts name the host, never the user, the password or an address.
 *
 * Threads: any, after http_open.  Everything is borrowed for the call.
 */
#ifndef SOKOUL_COMMON_HTTP_MAIL_H
#define SOKOUL_COMMON_HTTP_MAIL_H

#include "common/base/buf.h"
#include "common/base/err.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum
{
    MAIL_DEADLINE_MS = 30000,    /* used where a server says 0 */
    MAIL_MAX_TEXT = 64 << 10,    /* bytes of subject and text, before they are encoded */
    MAIL_MAX_BYTES = 256 << 10,  /* of the whole mail */
    MAIL_MAX_REPLIES = 16 << 10, /* of all answers of the server */
    MAIL_ADDRESS_SIZE = 254 + 1  /* RFC 5321 */
};

struct mail_server
{
    const char *url;
    const char *from; /* address; NULL or "": the user of the URL if it is one, else sokoul@ its host */
    int deadline_ms;
    const atomic_bool *cancel; /* NULL: cannot be cancelled */
};

struct mail
{
    const char *to; /* address */
    const char *subject;
    const char *text; /* UTF-8, lines end with \n */
    const char *id;   /* letters, digits and '-' */
    int64_t at_ms;    /* wall time */
};

MUST_USE enum err_code mail_send(const struct mail_server *server, const struct mail *mail, struct err *err);

/* ---- its parts, for tests ------------------------------------------------------------------- */

/* A simple ASCII address, local@domain, that can stand in a header as it is. */
bool mail_is_address(const char *text);
/* The whole mail, headers and body, with CRLF; dots are the transport's. */
MUST_USE enum err_code mail_write(struct buf *out, const char *from, const struct mail *mail,
                                  struct err *err);

#endif
