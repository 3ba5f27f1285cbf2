/* SPDX-License-Identifier: Apache-2.0 */
#include "api/screen.h"

#include "common/base/random.h"
#include "common/base/traceparent.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum often
{
    ONCE,
    MANY
};

static const struct
{
    const char *name;
    size_t len;
    enum often often;
} known[HEADER_COUNT] = {
#define X(id, name, often) [HEADER_##id] = {name, sizeof name - 1, often},
    HEADER_TABLE(X)
#undef X
};

static void complain(struct screen *screen, enum err_code code, const char *text)
{
    if (screen->code == E_OK)
        screen->code = fail(&screen->err, code, "%s", text);
}

static bool is_token(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)text[i]) && (text[i] == '\0' || !strchr("!#$%&'*+-.^_`|~", text[i])))
            return false;
    return len > 0;
}

static bool is_field_value(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (((unsigned char)text[i] < 0x20 && text[i] != '\t') || text[i] == 0x7f)
            return false;
    return true;
}

/* The library glues a folded line to what stood before and hides the seam, but it has to move the name for
 * that: a value that does not stand right behind its name was folded. */
static bool is_folded(const char *name, size_t name_len, const char *value)
{
    const char *at = name + name_len + 1;
    if (value < at || value - at > SCREEN_MAX_HEAD_BYTES)
        return true;
    for (; at < value; at++)
        if (*at != ' ' && *at != '\t' && *at != '\0')
            return true;
    return false;
}

/* Blanks behind a value: some versions of the library leave them in it, others put the end over the first.
 * `end` is that zero byte; behind it stand the rest of the blanks and the end of the line. */
static size_t blanks_after(const char *end)
{
    size_t more = strspn(end + 1, " \t");
    return more > 0 || end[1] == '\r' ? more + 1 : 0;
}

void screen_header(struct screen *screen, const char *name, size_t name_len, const char *value,
                   size_t value_len)
{
    if (!is_token(name, name_len))
        complain(screen, E_INVALID, "a header name that is none");
    else if (value == NULL || !is_field_value(value, value_len))
        complain(screen, E_INVALID, "a header value that is none");
    else if (is_folded(name, name_len, value))
        complain(screen, E_INVALID, "a folded header line");
    else
        screen->bytes += (size_t)(value - name) + value_len + blanks_after(value + value_len) + 2;
    screen->lines++;
    if (value == NULL)
        return;
    for (size_t i = 0; i < HEADER_COUNT; i++)
    {
        if (known[i].len != name_len || strncasecmp(known[i].name, name, name_len) != 0)
            continue;
        if (screen->req->header[i] != NULL && known[i].often == ONCE)
            complain(screen, E_INVALID, "a header that may stand there once stands there twice");
        screen->req->header[i] = value;
        return;
    }
}

static void check_length(struct screen *screen)
{
    const char *length = screen->req->header[HEADER_CONTENT_LENGTH];
    const char *encoding = screen->req->header[HEADER_TRANSFER_ENCODING];
    if (length != NULL && encoding != NULL)
        complain(screen, E_INVALID, "Content-Length together with Transfer-Encoding");
    if (encoding != NULL && strcasecmp(encoding, "chunked") != 0)
        complain(screen, E_INVALID, "a Transfer-Encoding other than chunked");
    if (length == NULL)
        return;
    size_t len = strlen(length);
    if (len == 0 || len > 18 || strspn(length, "0123456789") != len)
        complain(screen, E_INVALID, "a Content-Length that is no number");
}

static void check_line(struct screen *screen, const struct screen_line *line)
{
    const struct request *req = screen->req;
    bool one_one = strcmp(line->version, "HTTP/1.1") == 0;
    if (!one_one && strcmp(line->version, "HTTP/1.0") != 0)
        complain(screen, E_VERSION, "only HTTP/1.1 and HTTP/1.0 are spoken here");
    if (!is_token(line->method, strlen(line->method)))
        complain(screen, E_INVALID, "a method that is none");
    if (one_one && req->header[HEADER_HOST] == NULL)
        complain(screen, E_INVALID, "no Host");
    if (!one_one && req->header[HEADER_TRANSFER_ENCODING] != NULL)
        complain(screen, E_INVALID, "Transfer-Encoding in HTTP/1.0");
}

enum err_code screen_end(struct screen *screen, const struct screen_line *line, size_t head_bytes,
                         struct err *err)
{
    if (head_bytes > SCREEN_MAX_HEAD_BYTES)
        return fail(err, E_HEADERS, "the head of a request may have %d bytes", SCREEN_MAX_HEAD_BYTES);
    const size_t line_bytes = strlen(line->method) + strlen(line->target) + strlen(line->version) + 2;
    if (line_bytes > SCREEN_MAX_LINE_BYTES)
        return fail(err, E_HEADERS, "the first line of a request may have %d bytes", SCREEN_MAX_LINE_BYTES);
    if (screen->lines > SCREEN_MAX_HEADERS)
        return fail(err, E_HEADERS, "a request may have %d header lines", SCREEN_MAX_HEADERS);
    check_line(screen, line);
    check_length(screen);
    if (line_bytes + 2 + screen->bytes + 2 != head_bytes)
        complain(screen, E_INVALID, "a line of the head that is none");
    if (screen->code != E_OK)
        *err = screen->err;
    return screen->code;
}

static void name_request(struct request *req)
{
    const char *theirs = req->header[HEADER_REQUEST_ID];
    size_t len = theirs == NULL ? 0 : strlen(theirs);
    bool fit = len >= 1 && len < REQUEST_ID_SIZE;
    for (size_t i = 0; fit && i < len; i++)
        fit = isalnum((unsigned char)theirs[i]) || strchr("._-", theirs[i]) != NULL;
    if (fit)
    {
        memcpy(req->id, theirs, len + 1);
        return;
    }
    if (traceparent_read(req->header[HEADER_TRACEPARENT], req->id, NULL))
        return;
    struct id id = id_new();
    memcpy(req->id, id.text, sizeof id.text);
}

void screen_request_id(struct request *req)
{
    name_request(req);
    req->span = span_of_request(req->id);
    if (req->span == 0)
        random_bytes(&req->span, sizeof req->span);
}

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c == '\0' ? NULL : strchr(digits, tolower((unsigned char)c));
    return at == NULL ? -1 : (int)(at - digits);
}

/* The unreserved character that the three bytes at `text` stand for, or 0. */
static char unreserved(const char *text)
{
    int high = text[0] == '%' ? hex_digit(text[1]) : -1;
    int low = high < 0 ? -1 : hex_digit(text[2]);
    int c = low < 0 ? 0 : high * 16 + low;
    return c < 0x80 && (isalnum(c) || (c != 0 && strchr("-._~", c) != NULL)) ? (char)c : '\0';
}

/* A path that spells unreserved characters with percent signs is the same path (RFC 3986, 6.2.2.2). */
static void unescape_unreserved(char *path)
{
    char *to = path;
    for (const char *from = path; *from != '\0'; to++)
    {
        char c = unreserved(from);
        *to = c != '\0' ? c : *from;
        from += c != '\0' ? 3 : 1;
    }
    *to = '\0';
}

enum err_code screen_target(struct request *req, const char *uri, const char **query, struct err *err)
{
    if (*uri != '/' && strncasecmp(uri, "http", 4) == 0) /* absolute form, as sent to proxies */
    {
        const char *host = strstr(uri, "://");
        uri = host == NULL ? uri : host + 3 + strcspn(host + 3, "/?");
        if (*uri == '\0')
            uri = "/";
    }
    size_t len = strcspn(uri, "?#");
    char *path = arena_strndup(req->arena, uri, len);
    *query = uri[len] == '?' ? uri + len + 1 : "";
    if (path == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    unescape_unreserved(path);
    req->target = path;
    if (strchr(uri, '#') != NULL)
        return fail(err, E_INVALID, "a fragment in the address");
    if (strstr(uri, "%00") != NULL)
        return fail(err, E_REFUSED, "a zero byte in the address");
    for (const char *c = uri; *c != '\0'; c++)
        if ((unsigned char)*c <= 0x20 || (unsigned char)*c >= 0x7f)
            return fail(err, E_INVALID, "a character in the address that has to be percent-encoded");
    return E_OK;
}
