/* SPDX-License-Identifier: Apache-2.0 */
#include "common/otlp/otlp.h"

#include "common/base/log.h"
#include "common/http/http.h"
#include "common/obs/metrics.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum
{
    BATCH_BYTES = 4 << 20,
    ANSWER_BYTES = 64 << 10,
    ARENA_BYTES = 1 << 20
};

struct otlp
{
    const char *service;
    char *url;
    struct http_client *http;
    struct arena *arena;
    struct buf body;
    struct span *batch;
    bool logged; /* the log has a line that the collector fails */
    atomic_bool cancel;
    atomic_bool stopping;
    pthread_t thread;
};

/* What the collector says to a batch that it takes: any 2xx. What it says in it of single spans is its own
 * log's. */
static enum err_code post(struct otlp *otlp, int deadline_ms, struct err *err)
{
    static const struct http_header json = {"Content-Type", "application/json"};
    const struct http_request request = {.method = HTTP_POST,
                                         .url = otlp->url,
                                         .headers = &json,
                                         .header_count = 1,
                                         .body = otlp->body.data,
                                         .body_len = otlp->body.len,
                                         .deadline_ms = deadline_ms,
                                         .max_body_bytes = ANSWER_BYTES,
                                         .addresses = HTTP_ANY_ADDRESS,
                                         .cancel = &otlp->cancel};
    struct http_response response;
    enum err_code code = http_send(otlp->http, &request, otlp->arena, &response, err);
    if (code == E_OK && (response.status < 200 || response.status > 299))
        return fail(err, E_UNAVAILABLE, "it answers with status %d", response.status);
    return code;
}

static void tell(struct otlp *otlp, enum err_code code, const struct err *err)
{
    if (code != E_OK && !otlp->logged)
        log_warn("traces_lost", "the collector of traces does not take them, they are dropped: %s",
                 err->text);
    else if (code == E_OK && otlp->logged)
        log_info("traces_back", "the collector of traces takes them again");
    otlp->logged = code != E_OK;
}

static void send(struct otlp *otlp, size_t count, int deadline_ms)
{
    struct err err = ERR_INIT;
    buf_clear(&otlp->body);
    arena_reset(otlp->arena);
    otlp_write(otlp->batch, count, otlp->service, &otlp->body);
    enum err_code code =
        otlp->body.failed ? fail(&err, E_TOO_LARGE, "the batch is too large") : post(otlp, deadline_ms, &err);
    metrics_add(code == E_OK ? METRIC_SPANS_SENT : METRIC_SPANS_DROPPED, count);
    tell(otlp, code, &err);
}

/* The call that ran when it was stopped has been cut; what gathered meanwhile gets one of its own. */
static void *run(void *of)
{
    struct otlp *otlp = of;
    while (!atomic_load(&otlp->stopping))
    {
        size_t count = spans_take(otlp->batch, OTLP_BATCH, OTLP_PAUSE_MS);
        if (count > 0 && !atomic_load(&otlp->stopping))
            send(otlp, count, OTLP_CALL_MS);
        else if (count > 0)
        {
            atomic_store(&otlp->cancel, false);
            send(otlp, count, OTLP_LAST_MS);
        }
    }
    return NULL;
}

static void free_all(struct otlp *otlp)
{
    spans_close();
    http_client_free(otlp->http);
    arena_free(otlp->arena);
    buf_fini(&otlp->body);
    free(otlp->batch);
    free(otlp->url);
    free(otlp);
    http_close();
}

static char *url_of(const char *endpoint)
{
    static const char path[] = "/v1/traces";
    size_t len = strlen(endpoint);
    while (len > 0 && endpoint[len - 1] == '/')
        len--;
    char *url = malloc(len + sizeof path);
    if (url == NULL)
        return NULL;
    memcpy(url, endpoint, len);
    memcpy(url + len, path, sizeof path);
    return url;
}

static enum err_code make(struct otlp *otlp, const char *endpoint, const char *service, struct err *err)
{
    otlp->service = service;
    otlp->url = url_of(endpoint);
    otlp->http = http_client_new();
    otlp->arena = arena_new(ARENA_BYTES);
    otlp->batch = calloc(OTLP_BATCH, sizeof *otlp->batch);
    buf_init(&otlp->body, BATCH_BYTES);
    if (otlp->url == NULL || otlp->http == NULL || otlp->arena == NULL || otlp->batch == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    if (spans_open(err) != E_OK)
        return err->code;
    if (pthread_create(&otlp->thread, NULL, run, otlp) != 0)
        return fail(err, E_NO_MEMORY, "a thread could not be started");
    return E_OK;
}

enum err_code otlp_start(const char *endpoint, const char *service, struct otlp **otlp, struct err *err)
{
    *otlp = NULL;
    if (endpoint[0] == '\0')
        return E_OK;
    if (http_open(err) != E_OK)
        return err->code;
    struct otlp *made = calloc(1, sizeof *made);
    if (made == NULL)
    {
        http_close();
        return fail(err, E_NO_MEMORY, "out of memory");
    }
    enum err_code code = make(made, endpoint, service, err);
    if (code == E_OK)
        *otlp = made;
    else
        free_all(made);
    return code;
}

void otlp_stop(struct otlp *otlp)
{
    if (otlp == NULL)
        return;
    atomic_store(&otlp->cancel, true);
    atomic_store(&otlp->stopping, true);
    spans_hurry();
    pthread_join(otlp->thread, NULL);
    free_all(otlp);
}
