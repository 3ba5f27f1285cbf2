/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http/mail.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
    CONNECT_MS = 10000,
    HOST_SIZE = 101,
    BYE_CODE = 221 /* the answer to QUIT is not about the mail */
};

/* One mail under way. */
struct exchange
{
    const struct mail_server *server;
    CURL *easy;
    struct buf mail;
    size_t sent;
    size_t reply_bytes; /* of the server's answers */
    int code;           /* of its latest answer */
    bool is_secret;
    bool is_here; /* the server is on this machine */
    char host[HOST_SIZE];
    char from[MAIL_ADDRESS_SIZE];
};

/* ---- what libcurl calls --------------------------------------------------------------------- */

static size_t give_mail(char *bytes, size_t each, size_t count, void *of)
{
    struct exchange *exchange = of;
    size_t left = exchange->mail.len - exchange->sent;
    size_t len = each * count < left ? each * count : left;
    memcpy(bytes, exchange->mail.data + exchange->sent, len);
    exchange->sent += len;
    return len;
}

/* Each line of the server's answers. */
static size_t take_reply(const char *line, size_t each, size_t count, void *of)
{
    struct exchange *exchange = of;
    size_t len = each * count;
    int code = 0;
    exchange->reply_bytes += len;
    if (exchange->reply_bytes > MAIL_MAX_REPLIES)
        return 0;
    for (size_t i = 0; i < 3 && i < len && line[i] >= '0' && line[i] <= '9'; i++)
        code = code * 10 + (line[i] - '0');
    if (code >= 100 && code != BYE_CODE)
        exchange->code = code;
    return len;
}

static size_t ignore(const char *bytes, size_t each, size_t count, void *of)
{
    (void)bytes;
    (void)of;
    return each * count;
}

static int is_cancelled(void *of, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct exchange *exchange = of;
    (void)a, (void)b, (void)c, (void)d;
    const atomic_bool *cancel = exchange->server->cancel;
    return cancel != NULL && atomic_load_explicit(cancel, memory_order_relaxed);
}

/* ---- sender and server --------------------------------------------------------------------- */

static bool names_this_machine(const char *host)
{
    return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 || strcmp(host, "[::1]") == 0;
}

/* "[127.0.0.1]" is how a mail address names a host that has no name. */
static void default_from(struct exchange *exchange, const char *user)
{
    bool is_number = strspn(exchange->host, "0123456789.") == strlen(exchange->host);
    if (mail_is_address(user))
        snprintf(exchange->from, sizeof exchange->from, "%s", user);
    else
        snprintf(exchange->from, sizeof exchange->from, is_number ? "sokoul@[%s]" : "sokoul@%s",
                 exchange->host);
}

static enum err_code read_server(struct exchange *exchange, struct err *err)
{
    const struct mail_server *server = exchange->server;
    char *host = NULL;
    char *user = NULL;
    char *password = NULL;
    CURLU *parts = curl_url();
    enum err_code code = E_OK;
    if (parts == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    if (curl_url_set(parts, CURLUPART_URL, server->url, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK ||
        curl_url_get(parts, CURLUPART_HOST, &host, 0) != CURLUE_OK)
        code = fail(err, E_CONFIG, "SMTP_URL is not an address of a mail server");
    else
    {
        (void)curl_url_get(parts, CURLUPART_USER, &user, CURLU_URLDECODE);
        exchange->is_secret = curl_url_get(parts, CURLUPART_PASSWORD, &password, 0) == CURLUE_OK;
        snprintf(exchange->host, sizeof exchange->host, "%s", host);
        exchange->is_here = names_this_machine(exchange->host);
        if (server->from != NULL && server->from[0] != '\0')
            snprintf(exchange->from, sizeof exchange->from, "%s", server->from);
        else
            default_from(exchange, user);
    }
    curl_free(host);
    curl_free(user);
    curl_free(password);
    curl_url_cleanup(parts);
    return code;
}

/* ---- the exchange --------------------------------------------------------------------------- */

/* The only place where libcurl's errors of mails become ours. */
static enum err_code translate(const struct exchange *exchange, CURLcode result, struct err *err)
{
    const char *host = exchange->host;
    int said = exchange->code;
    if (result == CURLE_OK)
        return E_OK;
    if (result == CURLE_OUT_OF_MEMORY)
        return fail(err, E_NO_MEMORY, "out of memory");
    if (result == CURLE_ABORTED_BY_CALLBACK)
        return fail(err, E_CANCELLED, "cancelled");
    if (said >= 500 && said <= 599)
        return fail(err, E_REFUSED, "the mail server %s refused the mail for good (%d)", host, said);
    if (said >= 400 && said <= 499)
        return fail(err, E_PROVIDER, "the mail server %s cannot take the mail now (%d)", host, said);
    switch (result)
    {
    case CURLE_OPERATION_TIMEDOUT:
        return fail(err, E_TIMEOUT, "the mail server %s did not answer in time", host);
    case CURLE_COULDNT_RESOLVE_HOST:
        return fail(err, E_PROVIDER, "the name %s of the mail server could not be looked up", host);
    case CURLE_COULDNT_CONNECT:
        return fail(err, E_PROVIDER, "the mail server %s accepts no connection", host);
    case CURLE_USE_SSL_FAILED:
        return fail(err, E_REFUSED, "the mail server %s offers no TLS, and a password must not go without",
                    host);
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        return fail(err, E_PROVIDER, "no secure connection to the mail server %s could be made", host);
    default:
        return fail(err, E_PROVIDER, "the mail server %s broke off (%d)", host, (int)result);
    }
}

static void set_limits(const struct exchange *exchange)
{
    CURL *easy = exchange->easy;
    int deadline_ms = exchange->server->deadline_ms > 0 ? exchange->server->deadline_ms : MAIL_DEADLINE_MS;
    bool must_hide = exchange->is_secret && !exchange->is_here;
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)deadline_ms);
    curl_easy_setopt(easy, CURLOPT_SERVER_RESPONSE_TIMEOUT, (long)(deadline_ms + 999) / 1000);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                     (long)(deadline_ms < CONNECT_MS ? deadline_ms : CONNECT_MS));
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(easy, CURLOPT_USE_SSL, must_hide ? (long)CURLUSESSL_ALL : (long)CURLUSESSL_TRY);
}

static void set_callbacks(struct exchange *exchange)
{
    CURL *easy = exchange->easy;
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, give_mail);
    curl_easy_setopt(easy, CURLOPT_READDATA, exchange);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, ignore);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_reply);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, exchange);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, is_cancelled);
    curl_easy_setopt(easy, CURLOPT_XFERINFODATA, exchange);
}

static enum err_code perform(struct exchange *exchange, const struct mail *mail, struct err *err)
{
    char from[MAIL_ADDRESS_SIZE + 2];
    char to[MAIL_ADDRESS_SIZE + 2];
    snprintf(from, sizeof from, "<%s>", exchange->from);
    snprintf(to, sizeof to, "<%s>", mail->to);
    exchange->easy = curl_easy_init();
    struct curl_slist *recipients = curl_slist_append(NULL, to);
    enum err_code code = E_OK;
    if (exchange->easy == NULL || recipients == NULL)
        code = fail(err, E_NO_MEMORY, "out of memory");
    else
    {
        set_limits(exchange);
        set_callbacks(exchange);
        curl_easy_setopt(exchange->easy, CURLOPT_URL, exchange->server->url);
        curl_easy_setopt(exchange->easy, CURLOPT_MAIL_FROM, from);
        curl_easy_setopt(exchange->easy, CURLOPT_MAIL_RCPT, recipients);
        code = translate(exchange, curl_easy_perform(exchange->easy), err);
    }
    curl_slist_free_all(recipients);
    curl_easy_cleanup(exchange->easy);
    return code;
}

enum err_code mail_send(const struct mail_server *server, const struct mail *mail, struct err *err)
{
    struct exchange exchange = {.server = server};
    buf_init(&exchange.mail, MAIL_MAX_BYTES);
    enum err_code code = read_server(&exchange, err);
    if (code == E_OK)
        code = mail_write(&exchange.mail, exchange.from, mail, err);
    if (code == E_OK)
        code = perform(&exchange, mail, err);
    buf_fini(&exchange.mail);
    return code;
}
