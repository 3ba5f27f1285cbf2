/* SPDX-License-Identifier: Apache-2.0 */
#include "common/provider/exchange.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/random.h"
#include "common/base/traceparent.h"
#include "common/base/utf8.h"
#include "common/obs/metrics.h"
#include "common/obs/spans.h"
#include "common/provider/provider.h"

#include <stdbool.h>
#include <string.h>

const char *provider_type_name(enum provider_type type)
{
    static const char *const names[] = {
        [PROVIDER_MULTI] = "multi", [PROVIDER_MOVIE] = "movie", [PROVIDER_TV] = "tv"};
    return names[type];
}

const char *provider_loss_text(struct arena *arena, const struct provider_loss *loss)
{
    if (loss->rows == 0 && loss->values == 0)
        return NULL;
    if (loss->values == 0)
        return arena_printf(arena, "%zu rows could not be used", loss->rows);
    if (loss->rows == 0)
        return arena_printf(arena, "%zu values could not be read", loss->values);
    return arena_printf(arena, "%zu rows could not be used, %zu values could not be read", loss->rows,
                        loss->values);
}

const char *provider_release_key(struct arena *arena, const struct provider_release *release)
{
    if (release->info_hash != NULL)
        return release->info_hash;
    if (release->magnet != NULL)
        return release->magnet;
    if (strstr(release->guid, "://") != NULL)
        return release->guid;
    const char *indexer = release->indexer != NULL ? release->indexer : "";
    return arena_printf(arena, "%s\n%s\n%s", release->guid, indexer, release->title);
}

static const struct
{
    int status; /* and below it, from the row before */
    const char *outcome;
} outcomes[] = {{400, "ok"},      {404, "refused"}, {405, "not_found"}, {429, "refused"},
                {430, "limited"}, {500, "refused"}, {600, "failed"}};

static void count_call(const struct exchange *exchange, enum err_code code, int status, double seconds)
{
    const char *labels[] = {exchange->name, code == E_TIMEOUT ? "timeout" : "unreachable"};
    for (size_t i = 0; code == E_OK && i < sizeof outcomes / sizeof outcomes[0]; i++)
        if (status < outcomes[i].status)
        {
            labels[1] = outcomes[i].outcome;
            break;
        }
    if (code == E_CANCELLED)
        labels[1] = "cancelled";
    metrics_count(METRIC_PROVIDER_CALLS, labels);
    metrics_observe_for(METRIC_PROVIDER_SECONDS, seconds, log_context_get().request_id);
}

void provider_expect_calls(void)
{
    static const char *const names[] = {"TMDB", "Prowlarr"};
    static const char *const known[] = {"ok",     "not_found", "refused",     "limited",
                                        "failed", "timeout",   "unreachable", "cancelled"};
    for (size_t n = 0; n < sizeof names / sizeof names[0]; n++)
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
            metrics_expect(METRIC_PROVIDER_CALLS, (const char *[]){names[n], known[i]});
}

/* The provider is told which trace the call belongs to, if it is somebody's. */
static size_t with_trace(const struct exchange *exchange, uint64_t span,
                         struct http_header headers[HTTP_MAX_HEADERS], char traceparent[TRACEPARENT_SIZE])
{
    const char *request_id = log_context_get().request_id;
    size_t n = 0;
    for (; n < exchange->header_count && n < HTTP_MAX_HEADERS; n++)
        headers[n] = exchange->headers[n];
    if (request_id == NULL || request_id[0] == '\0' || n == HTTP_MAX_HEADERS)
        return n;
    traceparent_write(request_id, span, traceparent);
    headers[n] = (struct http_header){"traceparent", traceparent};
    return n + 1;
}

static void note_span(const struct exchange *exchange, uint64_t id, int status, int64_t took_us)
{
    const struct log_context context = log_context_get();
    struct span span;
    if (!spans_wanted() || context.request_id == NULL || context.request_id[0] == '\0')
        return;
    span_init(&span, SPAN_CLIENT, context.request_id, took_us);
    span.id = id;
    span.parent = context.span;
    span.failed = status == 0 || status >= 500;
    span_name(&span, "%s", exchange->name);
    span_text(&span, "sokoul.job.id", context.job_id);
    if (status != 0)
        span_int(&span, "http.response.status_code", status);
    spans_note(&span);
}

enum err_code exchange_get(const struct exchange *exchange, struct arena *scratch,
                           struct http_response *response, struct err *err)
{
    char traceparent[TRACEPARENT_SIZE];
    struct http_header headers[HTTP_MAX_HEADERS];
    uint64_t span = 0;
    random_bytes(&span, sizeof span);
    struct http_request request = {.url = exchange->url,
                                   .headers = headers,
                                   .header_count = with_trace(exchange, span, headers, traceparent),
                                   .deadline_ms = exchange->deadline_ms,
                                   .max_body_bytes = exchange->max_body_bytes,
                                   .addresses = exchange->addresses,
                                   .cancel = exchange->cancel};
    struct err cause = ERR_INIT;
    int64_t began_ms = clock_mono_ms();
    enum err_code code = http_send(exchange->http, &request, scratch, response, &cause);
    const int64_t took_ms = clock_mono_ms() - began_ms;
    const int status = code == E_OK ? response->status : 0;
    count_call(exchange, code, status, (double)took_ms / 1000);
    note_span(exchange, span, status, took_ms * 1000);
    log_info("provider_call", "%s: %s %d in %lld ms", exchange->name,
             code == E_OK ? "status" : "no answer, code", code == E_OK ? response->status : (int)code,
             (long long)took_ms);
    switch (code)
    {
    case E_OK:
        return E_OK;
    case E_CANCELLED:
    case E_TIMEOUT:
    case E_NO_MEMORY:
        return fail(err, code, "%s: %s", exchange->name, cause.text);
    case E_REFUSED: /* its address comes from the settings */
        return fail(err, E_CONFIG, "the address of %s is not usable: %s", exchange->name, cause.text);
    default:
        return fail(err, E_PROVIDER, "%s: %s", exchange->name, cause.text);
    }
}

static enum err_code fail_later(enum err_code code, unsigned retry_after_s, struct err *err)
{
    if (err != NULL)
        err->retry_after_s = retry_after_s;
    return code;
}

enum err_code exchange_judge(const char *name, const struct http_response *response, struct err *err)
{
    int status = response->status;
    unsigned wait_s = response->retry_after_s;
    if (status >= 200 && status <= 299)
        return E_OK;
    if (status == 404)
        return fail(err, E_NOT_FOUND, "%s does not have that", name);
    if (status == 401 || status == 403)
        return fail(err, E_CONFIG, "%s refused the API key", name);
    if (status == 429)
        return fail_later(fail(err, E_TOO_MANY, "%s asks to slow down", name), wait_s, err);
    if (status >= 300 && status <= 399)
        return fail(err, E_PROVIDER, "%s answers with a redirect", name);
    return fail_later(fail(err, E_PROVIDER, "%s answers with status %d", name, status), wait_s, err);
}

enum err_code exchange_get_json(const struct exchange *exchange, struct arena *scratch,
                                const struct json **doc, size_t *lost, struct err *err)
{
    struct http_response response;
    struct err cause = ERR_INIT;
    enum err_code code = exchange_get(exchange, scratch, &response, err);
    if (code == E_OK)
        code = exchange_judge(exchange->name, &response, err);
    if (code != E_OK)
        return code;
    code = json_parse_foreign(scratch, response.body, response.len, doc, lost, &cause);
    if (code == E_NO_MEMORY)
        return fail(err, E_PROVIDER, "%s sent more than can be read at once", exchange->name);
    if (code != E_OK)
        return fail(err, E_PROVIDER, "%s sent something that is not JSON", exchange->name);
    return E_OK;
}

const char *exchange_base(struct arena *arena, const char *base, const char *suffix)
{
    size_t len = strlen(base);
    size_t suffix_len = strlen(suffix);
    while (len > 0 && base[len - 1] == '/')
        len--;
    if (suffix_len > 0 && len > suffix_len && memcmp(base + len - suffix_len, suffix, suffix_len) == 0)
        len -= suffix_len;
    while (len > 0 && base[len - 1] == '/')
        len--;
    return arena_strndup(arena, base, len);
}

/* Bytes of the control character or blank at `text`, 0 if it is neither. */
static size_t blank_step(const char *text)
{
    unsigned char c = (unsigned char)text[0];
    if (c <= 0x20 || c == 0x7f)
        return 1;
    if (c == 0xc2 && (unsigned char)text[1] >= 0x80 &&
        (unsigned char)text[1] <= 0xa0) /* C1, no-break space */
        return 2;
    return 0;
}

const char *exchange_text(struct arena *arena, const struct json *value, size_t max_bytes)
{
    const char *from = json_text(value, "");
    size_t len = strlen(from);
    const char *end = from + len;
    size_t most = len < max_bytes ? len : max_bytes;
    char *out = len == 0 ? NULL : arena_alloc(arena, most + 1);
    size_t out_len = 0;
    bool gap = false;
    if (out == NULL)
        return NULL;
    while (from < end)
    {
        size_t step = blank_step(from);
        if (step > 0)
        {
            gap = out_len > 0;
            from += step;
            continue;
        }
        step = utf8_step(from, (size_t)(end - from));
        step = step == 0 ? 1 : step;
        if (out_len + step + (gap ? 1 : 0) > most)
            break;
        if (gap)
            out[out_len++] = ' ';
        gap = false;
        memcpy(out + out_len, from, step);
        out_len += step;
        from += step;
    }
    out[out_len] = '\0';
    return out_len > 0 ? out : NULL;
}

const char *exchange_token(struct arena *arena, const struct json *value, size_t max_bytes)
{
    const char *text = json_text(value, "");
    size_t len = strnlen(text, max_bytes + 1);
    if (len == 0 || len > max_bytes)
        return NULL;
    for (size_t i = 0; i < len; i++)
        if (blank_step(text + i) > 0)
            return NULL;
    return arena_strndup(arena, text, len);
}

const char *exchange_address(struct arena *arena, const struct json *value, size_t max_bytes)
{
    const char *text = exchange_text(arena, value, max_bytes + 1);
    size_t len = text == NULL ? 0 : strlen(text);
    char *out = len == 0 || len > max_bytes ? NULL : arena_alloc(arena, 3 * len + 1);
    char *to = out;
    if (out == NULL)
        return NULL;
    for (size_t i = 0; i < len; i++)
    {
        size_t count = text[i] == ' ' ? 3 : 1;
        memcpy(to, text[i] == ' ' ? "%20" : text + i, count);
        to += count;
    }
    *to = '\0';
    return (size_t)(to - out) <= max_bytes ? out : NULL;
}
