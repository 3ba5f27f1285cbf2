/* SPDX-License-Identifier: Apache-2.0 */
#include "api/mw/links.h"

#include "api/keys.h"
#include "api/route.h"
#include "common/base/clock.h"
#include "common/crypt/api_key.h"
#include "common/crypt/revoked.h"
#include "common/crypt/token.h"
#include "common/store/api_keys.h"

#include <string.h>
#include <strings.h>

static const struct
{
    const char *name;
    enum role role;
} roles[] = {{"user", ROLE_USER}, {"moderator", ROLE_MODERATOR}, {"admin", ROLE_ADMIN}};

static enum role role_of(const char *name)
{
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++)
        if (strcmp(roles[i].name, name) == 0)
            return roles[i].role;
    return ROLE_ANONYMOUS;
}

/* Neither the session (or the API key) nor its user may have less left than is claimed.  A process that does
 * not know lets nobody in. */
static enum err_code not_revoked(const struct request *req, const struct user *user, struct err *err)
{
    const struct id *const subjects[] = {&user->session, &user->id};
    struct revoked_subject left;
    if (!revoked_is_fresh(req->app->revoked, clock_mono_ms()))
        return fail(err, E_DATABASE, "whether this token is still valid cannot be read");
    for (size_t i = 0; i < sizeof subjects / sizeof subjects[0]; i++)
        if (revoked_find(req->app->revoked, subjects[i], &left) && role_of(left.role) < user->role)
            return fail(err, E_UNAUTHENTICATED, "the access token has ended");
    return E_OK;
}

static enum err_code bearer_find(struct request *req, struct err *err)
{
    static const char scheme[] = "Bearer ";
    const char *text = req->header[HEADER_AUTHORIZATION];
    if (strncasecmp(text, scheme, sizeof scheme - 1) != 0)
        return fail(err, E_UNAUTHENTICATED, "Authorization must be a Bearer token");
    text += sizeof scheme - 1;
    text += strspn(text, " ");
    struct token_claims claims;
    if (token_verify(req->app->tokens, text, clock_wall_ms() / 1000, &claims, err) != E_OK)
        return err->code;
    const struct user user = {claims.user_id, claims.session_id, role_of(claims.role), SCOPE_ALL};
    if (user.role == ROLE_ANONYMOUS)
        return fail(err, E_UNAUTHENTICATED, "the token's role is not known");
    const bool ended_is_fine = req->route != NULL && (req->route->flags & ROUTE_ENDED_OK) != 0;
    if (!ended_is_fine && not_revoked(req, &user, err) != E_OK)
        return err->code;
    req->user = user;
    return E_OK;
}

/* What the database says of the key, kept for the next requests. */
static enum err_code key_look_up(struct request *req, const struct digest *digest, struct user *user,
                                 struct err *err)
{
    struct db *db;
    struct api_key_use use;
    const int64_t now_ms = clock_mono_ms();
    if (request_db(req, &db, err) != E_OK)
        return err->code;
    enum err_code code = api_key_store_use(db, req->arena, digest->hex, &use, err);
    if (code == E_NOT_FOUND)
        return fail(err, E_UNAUTHENTICATED, "the API key is not valid");
    if (code != E_OK)
        return code;
    const enum role role = role_of(use.role);
    *user = (struct user){.role = use.may_admin || role < ROLE_USER ? role : ROLE_USER};
    id_parse(use.user_id, &user->id);
    id_parse(use.id, &user->session);
    user->scopes = (use.may_read ? SCOPE_READ : 0u) | (use.may_write ? SCOPE_WRITE : 0u) |
                   (use.may_admin ? SCOPE_ADMIN : 0u);
    const bool ends = use.left_s >= 0 && use.left_s * 1000 < KEYS_KNOWN_MS;
    const struct key_known known = {*user, now_ms + (ends ? use.left_s * 1000 : KEYS_KNOWN_MS)};
    keys_keep(req->app->keys, digest, &known);
    return E_OK;
}

/* The event thread may not ask the database: there a key that is not known yet is nobody's. */
static enum err_code key_find(struct request *req, struct err *err)
{
    struct digest digest;
    struct key_known known;
    if (!api_key_digest(req->header[HEADER_API_KEY], &digest))
        return fail(err, E_UNAUTHENTICATED, "the API key is not valid");
    const bool is_known = keys_find(req->app->keys, &digest, clock_mono_ms(), &known) &&
                          not_revoked(req, &known.user, NULL) == E_OK;
    if (!is_known && req->thread == NULL)
        return E_OK;
    if (!is_known && key_look_up(req, &digest, &known.user, err) != E_OK)
        return err->code;
    const enum err_code code = is_known ? E_OK : not_revoked(req, &known.user, err);
    if (code == E_OK)
        req->user = known.user;
    return code == E_UNAUTHENTICATED ? fail(err, code, "the API key is not valid") : code;
}

/* Ways to say who one is, in the order in which they are looked for. */
static const struct
{
    enum header header;
    enum err_code (*find)(struct request *req, struct err *err);
} ways[] = {{HEADER_AUTHORIZATION, bearer_find}, {HEADER_API_KEY, key_find}};

enum err_code auth_find(struct request *req, struct err *err)
{
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++)
        if (req->header[ways[i].header] != NULL)
            return ways[i].find(req, err);
    return E_OK;
}

bool auth_is_offered(const struct request *req)
{
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++)
        if (req->header[ways[i].header] != NULL)
            return true;
    return false;
}

static enum err_code auth_offered(struct request *req, struct err *err)
{
    if (req->route->who == WHO_ALL || auth_is_offered(req))
        return E_OK;
    return fail(err, E_UNAUTHENTICATED, "a valid access token is needed");
}

/* Before a lane is entered, where users take turns; the lane asks again before the handler runs.  What runs
 * on the event thread is asked here or never. */
enum err_code auth_early(struct request *req, struct err *err)
{
    const bool is_free = req->route->lane == LANE_EVENT && req->route->who == WHO_ALL;
    if (auth_offered(req, err) != E_OK || is_free)
        return err->code;
    if (auth_find(req, err) != E_OK)
        return err->code;
    const bool is_left_to_lane = req->user.role == ROLE_ANONYMOUS && req->header[HEADER_API_KEY] != NULL;
    return is_left_to_lane && req->route->lane != LANE_EVENT ? E_OK : auth_allow(req, err);
}

/* What is asked for must be within what was shown. */
static enum err_code scope_check(const struct request *req, struct err *err)
{
    const bool looks = req->method == METHOD_GET || req->method == METHOD_HEAD;
    if ((req->route->flags & ROUTE_LOGIN) && !(req->user.scopes & SCOPE_LOGIN))
        return fail(err, E_FORBIDDEN, "an API key may not do this, please log in");
    if (req->user.scopes & (looks ? SCOPE_READ : SCOPE_WRITE))
        return E_OK;
    return fail(err, E_FORBIDDEN, "the API key is not for %s", looks ? "reading" : "writing");
}

enum err_code auth_allow(struct request *req, struct err *err)
{
    static const enum role least[] = {[WHO_NOBODY] = ROLE_COUNT,
                                      [WHO_ALL] = ROLE_ANONYMOUS,
                                      [WHO_USER] = ROLE_USER,
                                      [WHO_MODERATOR] = ROLE_MODERATOR,
                                      [WHO_ADMIN] = ROLE_ADMIN};
    if (req->user.role >= least[req->route->who])
        return req->user.role == ROLE_ANONYMOUS ? E_OK : scope_check(req, err);
    if (req->user.role == ROLE_ANONYMOUS)
        return fail(err, E_UNAUTHENTICATED, "a valid access token is needed");
    return fail(err, E_FORBIDDEN, "this is not for the role you have");
}
