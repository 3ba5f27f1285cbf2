/* SPDX-License-Identifier: Apache-2.0 */
#include "api/handlers/entrance.h"

#include "common/base/clock.h"
#include "common/base/utf8.h"
#include "common/conf/conf.h"
#include "common/crypt/refresh.h"
#include "common/crypt/token.h"
#include "common/store/sessions.h"

#include <stdio.h>
#include <string.h>

enum
{
    AGENT_MAX_BYTES = 200
};

const char *entrance_agent(struct request *req)
{
    const char *given = req->header[HEADER_USER_AGENT];
    if (given == NULL || given[0] == '\0')
        return NULL;
    const size_t len = strlen(given);
    char *kept =
        arena_strndup(req->arena, given, utf8_cut(given, len < AGENT_MAX_BYTES ? len : AGENT_MAX_BYTES));
    if (kept != NULL)
        utf8_mend(kept);
    return kept;
}

enum err_code entrance_open(struct request *req, struct db *db, struct entrance *in, struct err *err)
{
    struct digest digest;
    const struct refresh_token refresh = refresh_token_new();
    if (!refresh_token_digest(refresh.text, &digest))
        return fail(err, E_BUG, "a new refresh token has no digest");
    struct id row = id_new();
    in->family = arena_strdup(req->arena, id_new().text);
    in->refresh = arena_strdup(req->arena, refresh.text);
    if (in->family == NULL || in->refresh == NULL)
        return fail(err, E_NO_MEMORY, "no memory for a session");
    const struct session_new session = {.id = row.text,
                                        .user_id = in->user_id,
                                        .family = in->family,
                                        .token_hash = digest.hex,
                                        .valid_s = req->app->conf->refresh_token_ttl_s,
                                        .user_agent = entrance_agent(req),
                                        .address = req->client};
    return session_store_open(db, req->arena, &session, err);
}

enum err_code entrance_reply(struct request *req, enum reply_status status, const struct entrance *in,
                             struct err *err)
{
    const int64_t ttl_s = req->app->conf->access_token_ttl_s;
    const int64_t now_s = clock_wall_ms() / 1000;
    const char *access = NULL;
    struct token_claims claims = {.issued_s = now_s, .expires_s = now_s + ttl_s};
    snprintf(claims.user_id.text, sizeof claims.user_id.text, "%s", in->user_id);
    snprintf(claims.session_id.text, sizeof claims.session_id.text, "%s", in->family);
    snprintf(claims.role, sizeof claims.role, "%s", in->role);
    if (token_sign(req->app->tokens, &claims, req->arena, &access, err) != E_OK)
        return err->code;
    struct json_writer w = reply_begin(req);
    json_begin_object(&w, NULL);
    json_put_raw(&w, "user", in->user_json);
    json_put_text(&w, "access_token", access);
    json_put_text(&w, "refresh_token", in->refresh);
    json_put_text(&w, "token_type", "Bearer");
    json_put_int(&w, "expires_in", ttl_s);
    json_end_object(&w);
    return reply_json(req, status, err);
}
