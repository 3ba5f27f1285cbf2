/* SPDX-License-Identifier: Apache-2.0 */
/* healthcheck, for containers: two probes, each with a deadline; exit status 0 or 1. */
#include "cli/verb.h"
#include "common/base/clock.h"
#include "common/http/http.h"
#include "common/json/write.h"

#include <string.h>

enum
{
    ATTEMPTS = 2,
    TIMEOUT_S = 5,
    PAUSE_MS = 500, /* before the second, also taken from its deadline */
    BODY_BYTES = 1 << 20
};

struct probe
{
    const char *url;
    int timeout_ms;
    int status;
    char detail[200];
};

/* The mode is the path: /health or /ready. An URL that has a path of its own is taken as it is. */
static enum err_code choose_url(struct session *session, const char **url, struct err *err)
{
    const char *mode = session->arg_count > 0 ? session->args[0] : "health";
    const char *base = option_text(&session->options, OPTION_URL, NULL);
    struct err ignored = ERR_INIT;
    if (strcmp(mode, "health") != 0 && strcmp(mode, "ready") != 0)
        return fail(err, E_USAGE, "healthcheck knows health and ready, not %.60s", mode);
    if (base == NULL && session_load(session, &ignored) == E_OK)
    {
        const struct conf_listen *at = &session->conf->api_listen;
        bool any = strcmp(at->host, "0.0.0.0") == 0 || strcmp(at->host, "::") == 0;
        bool v6 = !any && strchr(at->host, ':') != NULL;
        base = arena_printf(session->arena, v6 ? "http://[%s]:%d" : "http://%s:%d",
                            any ? "127.0.0.1" : at->host, at->port);
    }
    if (base == NULL)
        base = "http://127.0.0.1:3000";
    const char *host = strstr(base, "://");
    const char *path = strchr(host != NULL ? host + 3 : base, '/');
    bool has_path = path != NULL && path[1] != '\0' && session->arg_count == 0;
    size_t len = strlen(base);
    while (len > 0 && base[len - 1] == '/')
        len--;
    *url = has_path ? base : arena_printf(session->arena, "%.*s/%s", (int)len, base, mode);
    return *url != NULL ? E_OK : fail(err, E_NO_MEMORY, "out of memory");
}

static bool ask(struct session *session, struct probe *probe, int deadline_ms)
{
    struct err err = ERR_INIT;
    struct http_response response = {.status = 0};
    struct http_request request = {.url = probe->url,
                                   .deadline_ms = deadline_ms,
                                   .connect_timeout_ms = deadline_ms,
                                   .max_body_bytes = BODY_BYTES};
    struct http_client *client = http_client_new();
    enum err_code code = client != NULL ? http_send(client, &request, session->arena, &response, &err)
                                        : fail(&err, E_NO_MEMORY, "out of memory");
    http_client_free(client);
    probe->status = code == E_OK ? response.status : 0;
    if (code != E_OK)
        snprintf(probe->detail, sizeof probe->detail, "%s", err.text);
    else
        snprintf(probe->detail, sizeof probe->detail, "it answered %d", response.status);
    return code == E_OK && response.status >= 200 && response.status < 300;
}

static bool try_twice(struct session *session, struct probe *probe)
{
    /* Both probes together end a little before twice the deadline. */
    const int64_t until_ms = clock_mono_ms() + (int64_t)ATTEMPTS * probe->timeout_ms - PAUSE_MS;
    for (int i = 0; i < ATTEMPTS; i++)
    {
        int64_t left_ms = until_ms - clock_mono_ms();
        if (i > 0 && left_ms > probe->timeout_ms)
            nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000}, NULL);
        left_ms = until_ms - clock_mono_ms();
        if (ask(session, probe, left_ms < probe->timeout_ms ? (int)left_ms : probe->timeout_ms))
            return true;
    }
    return false;
}

static enum err_code report(struct session *session, const struct probe *probe, struct err *err)
{
    bool good = session->verdict == VERDICT_GOOD;
    struct buf out;
    buf_init(&out, SESSION_OUTPUT_BYTES);
    if (session_json(session))
    {
        struct json_writer w = json_writer(&out);
        json_begin_object(&w, NULL);
        json_put_bool(&w, "ok", good);
        json_put_int(&w, "status", probe->status);
        json_put_text(&w, "detail", probe->detail);
        json_end_object(&w);
    }
    else
        buf_addf(&out, "%s: %s\n", good ? "ok" : "not ok", probe->detail);
    enum err_code code = session_print(&out, err);
    buf_fini(&out);
    return code;
}

enum err_code verb_healthcheck(struct session *session, struct err *err)
{
    struct probe probe = {.url = NULL};
    int64_t timeout_s = TIMEOUT_S;
    enum err_code code = option_number(&session->options, OPTION_TIMEOUT, 1, 300, &timeout_s, err);
    if (code == E_OK)
        code = choose_url(session, &probe.url, err);
    if (code == E_OK)
        code = http_open(err);
    if (code != E_OK)
        return code;
    probe.timeout_ms = (int)timeout_s * 1000;
    session->verdict = try_twice(session, &probe) ? VERDICT_GOOD : VERDICT_BAD;
    http_close();
    return report(session, &probe, err);
}
