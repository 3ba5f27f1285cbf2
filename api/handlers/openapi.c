/* SPDX-License-Identifier: Apache-2.0 */
#include "api/handlers/openapi.h"

#include "api/reply.h"

#include <string.h>

/* The two files of docs/ travel in the program as they are. */
#define EMBED(name, file)                                                                                    \
    __asm__(".section .rodata\n"                                                                             \
            ".global " #name "\n" #name ":\n.incbin \"" file "\"\n"                                          \
            ".byte 0\n.previous\n")

EMBED(openapi_json, "docs/openapi.json");
EMBED(openapi_html, "docs/openapi.html");

/* The page has a style of its own, known by its hash, and nothing else that could be loaded or run. */
static const char page_policy[] =
    "default-src 'none'; style-src 'sha256-I2KYK4zdoJNn9UmSPLLlGQpTLrbBqX/1/rjEk02vsBk='; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'";

enum err_code openapi_get(struct request *req, struct err *err)
{
    struct json_writer w = reply_begin(req);
    buf_add(w.buf, openapi_json, strlen(openapi_json));
    return reply_json(req, REPLY_OK, err);
}

enum err_code openapi_get_page(struct request *req, struct err *err)
{
    struct json_writer w = reply_begin(req);
    buf_add(w.buf, openapi_html, strlen(openapi_html));
    reply_header(req, "Content-Security-Policy", page_policy);
    return reply_text(req, REPLY_OK, "text/html; charset=utf-8", err);
}
