/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http/http.h"

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/http/address.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum
{
    POLL_MS = 100, /* how often *cancel and the speed of the body are looked at */
    MAX_LOCATION_BYTES = 16384,
    MAX_HOST = 100
};

/* Why a callback of ours stopped the transfer; libcurl only reports that one did. */
enum stop
{
    STOP_NONE,
    STOP_BODY_TOO_LARGE,
    STOP_HEADERS_TOO_LARGE,
    STOP_ADDRESS
};

struct library http_library(void)
{
    const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
    struct library library = {.name = "libcurl",
                              .built = LIBCURL_VERSION,
                              .lacks = (info->features & CURL_VERSION_SSL) != 0 ? NULL : "TLS"};
    snprintf(library.found, sizeof library.found, "%s", info->version);
    return library;
}

struct http_client
{
    CURLM *multi; /* owns the open connections */
    CURL *easy;
    /* The exchange under way. */
    struct buf body;
    struct buf location;
    size_t header_bytes;
    enum http_addresses addresses;
    enum stop stop;
    int64_t deadline_at_ms;
    int64_t
        window_at_ms;    /* start of the present window of HTTP_SLOW_S; 0 before the first byte of the body */
    size_t window_bytes; /* body bytes in it, as received */
    char host[MAX_HOST + 1];
    char curl_text[CURL_ERROR_SIZE];
};

enum err_code http_open(struct err *err)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return fail(err, E_NO_MEMORY, "the HTTP library could not be set up");
    return E_OK;
}

void http_close(void)
{
    curl_global_cleanup();
}

struct http_client *http_client_new(void)
{
    struct http_client *client = calloc(1, sizeof *client);
    if (client == NULL)
        return NULL;
    buf_init(&client->body, HTTP_MAX_BODY_BYTES);
    buf_init(&client->location, MAX_LOCATION_BYTES);
    client->multi = curl_multi_init();
    client->easy = curl_easy_init();
    if (client->multi == NULL || client->easy == NULL)
    {
        http_client_free(client);
        return NULL;
    }
    curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, 4L);
    return client;
}

void http_client_free(struct http_client *client)
{
    if (client == NULL)
        return;
    if (client->easy != NULL)
        curl_easy_cleanup(client->easy);
    if (client->multi != NULL)
        curl_multi_cleanup(client->multi);
    buf_fini(&client->body);
    buf_fini(&client->location);
    free(client);
}

/* ---- what libcurl calls ------------------------------------------------------------------ */

static size_t take_body(char *bytes, size_t each, size_t count, void *context)
{
    struct http_client *client = context;
    size_t len = each * count;
    if (client->window_at_ms == 0)
        client->window_at_ms = clock_mono_ms();
    client->window_bytes += len;
    buf_add(&client->body, bytes, len);
    if (!client->body.failed)
        return len;
    client->stop = STOP_BODY_TOO_LARGE;
    return 0;
}

static void keep_location(struct http_client *client, const char *value, size_t len)
{
    while (len > 0 && (*value == ' ' || *value == '\t'))
        value++, len--;
    while (len > 0 && strchr(" \t\r\n", value[len - 1]) != NULL)
        len--;
    buf_clear(&client->location);
    buf_add(&client->location, value, len);
}

static size_t take_header(char *line, size_t each, size_t count, void *context)
{
    static const char location[] = "location:";
    struct http_client *client = context;
    size_t len = each * count;
    client->header_bytes += len;
    if (client->header_bytes > HTTP_MAX_HEADER_BYTES)
    {
        client->stop = STOP_HEADERS_TOO_LARGE;
        return 0;
    }
    if (len >= 5 && memcmp(line, "HTTP/", 5) == 0) /* an interim answer came before */
        buf_clear(&client->location);
    else if (len > sizeof location - 1 && strncasecmp(line, location, sizeof location - 1) == 0)
        keep_location(client, line + sizeof location - 1, len - (sizeof location - 1));
    return len;
}

static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct http_client *client = context;
    (void)purpose;
    if (client->addresses == HTTP_PUBLIC_ONLY && !address_is_public(&address->addr))
    {
        client->stop = STOP_ADDRESS;
        return CURL_SOCKET_BAD;
    }
    client->stop = STOP_NONE; /* of several addresses one may be public */
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* ---- the request ------------------------------------------------------------------------- */

static bool is_plain(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return false;
    return true;
}

/* The host of the URL, for texts that people read; also refuses what is not an http URL. */
static enum err_code read_host(struct http_client *client, const char *url, struct err *err)
{
    enum err_code code = E_OK;
    char *scheme = NULL;
    char *host = NULL;
    CURLU *parts = curl_url();
    if (parts == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    if (!is_plain(url) || curl_url_set(parts, CURLUPART_URL, url, 0) != CURLUE_OK ||
        curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(parts, CURLUPART_HOST, &host, 0) != CURLUE_OK || host[0] == '\0')
        code = fail(err, E_REFUSED, "not an address of a web server");
    else if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
        code = fail(err, E_REFUSED, "only http and https addresses are fetched");
    else
    {
        strncpy(client->host, host, MAX_HOST);
        client->host[MAX_HOST] = '\0';
    }
    curl_free(scheme);
    curl_free(host);
    curl_url_cleanup(parts);
    return code;
}

static enum err_code make_headers(const struct http_request *request, struct curl_slist **list,
                                  struct err *err)
{
    if (request->header_count > HTTP_MAX_HEADERS)
        return fail(err, E_BUG, "too many request headers");
    for (size_t i = 0; i < request->header_count; i++)
    {
        const struct http_header *header = &request->headers[i];
        char line[4096];
        int len = snprintf(line, sizeof line, "%s: %s", header->name, header->value);
        if (len < 0 || (size_t)len >= sizeof line || !is_plain(line))
            return fail(err, E_REFUSED, "the request header %.40s cannot be sent", header->name);
        struct curl_slist *longer = curl_slist_append(*list, line);
        if (longer == NULL)
            return fail(err, E_NO_MEMORY, "out of memory");
        *list = longer;
    }
    return E_OK;
}

static long or_default(int value, int otherwise)
{
    return value > 0 ? value : otherwise;
}

static void set_limits(struct http_client *client, const struct http_request *request)
{
    CURL *easy = client->easy;
    long deadline_ms = or_default(request->deadline_ms, HTTP_DEADLINE_MS);
    long connect_ms = or_default(request->connect_timeout_ms, HTTP_CONNECT_MS);
    client->deadline_at_ms = clock_mono_ms() + deadline_ms;
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, deadline_ms);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_ms < deadline_ms ? connect_ms : deadline_ms);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    /* A connection that was kept open from a request to any address must not serve a request to public ones
     * only. */
    long fresh = request->addresses == HTTP_PUBLIC_ONLY;
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, fresh);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, fresh);
}

static void set_callbacks(struct http_client *client)
{
    CURL *easy = client->easy;
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, client);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, client);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, client);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, client->curl_text);
}

static void set_method(CURL *easy, const struct http_request *request)
{
    static const char *const names[] = {[HTTP_GET] = "GET",
                                        [HTTP_HEAD] = "HEAD",
                                        [HTTP_POST] = "POST",
                                        [HTTP_PUT] = "PUT",
                                        [HTTP_DELETE] = "DELETE"};
    if (request->method == HTTP_HEAD)
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    if (request->method == HTTP_POST || request->method == HTTP_PUT)
    {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body_len > 0 ? request->body : "");
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len);
    }
    if (request->method != HTTP_GET)
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, names[request->method]);
}

static void begin(struct http_client *client, const struct http_request *request, struct curl_slist *headers)
{
    curl_easy_reset(client->easy);
    buf_clear(&client->body);
    buf_clear(&client->location);
    client->body.max = request->max_body_bytes > 0 ? request->max_body_bytes : HTTP_MAX_BODY_BYTES;
    client->header_bytes = 0;
    client->addresses = request->addresses;
    client->stop = STOP_NONE;
    client->window_at_ms = 0;
    client->window_bytes = 0;
    client->curl_text[0] = '\0';
    set_limits(client, request);
    set_callbacks(client);
    set_method(client->easy, request);
    curl_easy_setopt(client->easy, CURLOPT_URL, request->url);
    curl_easy_setopt(client->easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(client->easy, CURLOPT_USERAGENT, "sokoul/" SOKOUL_VERSION);
    curl_easy_setopt(client->easy, CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
}

/* ---- the exchange ------------------------------------------------------------------------ */

/* The only place where libcurl's errors become ours. */
static enum err_code translate(const struct http_client *client, CURLcode result, struct err *err)
{
    const char *host = client->host;
    if (result == CURLE_OK) /* also when one of several addresses was refused */
        return E_OK;
    if (client->stop == STOP_BODY_TOO_LARGE)
        return fail(err, E_TOO_LARGE, "the answer of %s is larger than %zu bytes", host, client->body.max);
    if (client->stop == STOP_HEADERS_TOO_LARGE)
        return fail(err, E_TOO_LARGE, "the answer of %s has too large headers", host);
    if (client->stop == STOP_ADDRESS)
        return fail(err, E_REFUSED, "%s is not a public address", host);
    switch (result)
    {
    case CURLE_OPERATION_TIMEDOUT:
        return fail(err, E_TIMEOUT, "%s did not answer in time", host);
    case CURLE_COULDNT_RESOLVE_HOST:
        return fail(err, E_PROVIDER, "the name %s could not be looked up", host);
    case CURLE_COULDNT_CONNECT:
        return fail(err, E_PROVIDER, "%s accepts no connection", host);
    case CURLE_URL_MALFORMAT:
        return fail(err, E_REFUSED, "not an address of a web server");
    case CURLE_OUT_OF_MEMORY:
        return fail(err, E_NO_MEMORY, "out of memory");
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        return fail(err, E_PROVIDER, "no secure connection to %s could be made", host);
    case CURLE_BAD_CONTENT_ENCODING:
        return fail(err, E_PROVIDER, "the answer of %s could not be decompressed", host);
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_PARTIAL_FILE:
        return fail(err, E_PROVIDER, "%s closed the connection early", host);
    default:
        return fail(err, E_PROVIDER, "%s does not speak proper HTTP (%d)", host, (int)result);
    }
}

static enum err_code check_pace(struct http_client *client, const struct http_request *request,
                                struct err *err)
{
    int64_t now_ms = clock_mono_ms();
    if (request->cancel != NULL && atomic_load_explicit(request->cancel, memory_order_relaxed))
        return fail(err, E_CANCELLED, "cancelled");
    if (now_ms > client->deadline_at_ms) /* libcurl's own timer fires first; this is for when it does not */
        return fail(err, E_TIMEOUT, "%s did not answer in time", client->host);
    if (client->window_at_ms == 0 || now_ms - client->window_at_ms < HTTP_SLOW_S * 1000)
        return E_OK;
    if (client->window_bytes < (size_t)HTTP_SLOW_BYTES_PER_S * HTTP_SLOW_S)
        return fail(err, E_TIMEOUT, "%s answers too slowly", client->host);
    client->window_at_ms = now_ms;
    client->window_bytes = 0;
    return E_OK;
}

static enum err_code run(struct http_client *client, const struct http_request *request, struct err *err)
{
    int running = 1;
    while (running > 0)
    {
        CURLMcode failed = curl_multi_perform(client->multi, &running);
        if (failed == CURLM_OK && running > 0)
            failed = curl_multi_poll(client->multi, NULL, 0, POLL_MS, NULL);
        if (failed != CURLM_OK)
            return fail(err, E_NO_MEMORY, "the HTTP library gave up (%d)", (int)failed);
        enum err_code code = running > 0 ? check_pace(client, request, err) : E_OK;
        if (code != E_OK)
            return code;
    }
    int left;
    CURLMsg *done = curl_multi_info_read(client->multi, &left);
    return translate(client, done != NULL ? done->data.result : CURLE_FAILED_INIT, err);
}

static unsigned retry_after(CURL *easy)
{
    curl_off_t wait_s = 0;
    if (curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &wait_s) != CURLE_OK || wait_s < 0)
        return 0;
    return wait_s > HTTP_MAX_RETRY_AFTER_S ? HTTP_MAX_RETRY_AFTER_S : (unsigned)wait_s;
}

static enum err_code hand_over(struct http_client *client, struct arena *arena,
                               struct http_response *response, struct err *err)
{
    long status = 0;
    char *content_type = NULL;
    curl_easy_getinfo(client->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(client->easy, CURLINFO_CONTENT_TYPE, &content_type);
    struct http_response answer = {.status = (int)status, .len = client->body.len};
    answer.body = arena_strndup(arena, client->body.data, client->body.len);
    answer.content_type = arena_strdup(arena, content_type != NULL ? content_type : "");
    answer.location = arena_strdup(arena, client->location.data);
    answer.retry_after_s = retry_after(client->easy);
    if (answer.body == NULL || answer.content_type == NULL || answer.location == NULL)
        return fail(err, E_NO_MEMORY, "no room for the answer of %s", client->host);
    *response = answer;
    return E_OK;
}

enum err_code http_send(struct http_client *client, const struct http_request *request, struct arena *arena,
                        struct http_response *response, struct err *err)
{
    struct curl_slist *headers = NULL;
    enum err_code code = read_host(client, request->url, err);
    if (code == E_OK)
        code = make_headers(request, &headers, err);
    if (code != E_OK)
        goto out;
    log_trace("http_call", "%s", client->host);
    begin(client, request, headers);
    if (curl_multi_add_handle(client->multi, client->easy) != CURLM_OK)
    {
        code = fail(err, E_NO_MEMORY, "out of memory");
        goto out;
    }
    code = run(client, request, err);
    curl_multi_remove_handle(client->multi, client->easy);
    if (code == E_OK)
        code = hand_over(client, arena, response, err);
    buf_fini(&client->body); /* an answer of many megabytes is not kept between calls */
out:
    curl_slist_free_all(headers);
    return code;
}
