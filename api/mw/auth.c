/* SPDX-License-Identifier: Apache-2.0 */
#include "api/mw/links.h"

#include "api/route.h"
#include "common/base/clock.h"
#include "common/crypt/revoked.h"
#include "common/crypt/token.h"

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

/* Neither the token's session nor its user may have less left than it claims.  A process that does not know
 * lets nobody in. */
static enum err_code not_revoked(const struct request *req, const struct token_claims *claims,
                                 struct err *err)
{
    const struct id *const subjects[] = {&claims->session_id, &claims->user_id};
    struct revoked_subject left;
    if (!revoked_is_fresh(req->app->revoked, clock_mono_ms()))
        return fail(err, E_DATABASE, "whether this token is still valid cannot be read");
    for (size_t i = 0; i < sizeof subjects / sizeof subjects[0]; i++)
        if (revoked_find(req->app->revoked, subjects[i], &left) && role_of(left.role) < role_of(claims->role))
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
    req->user.role = role_of(claims.role);
    if (req->user.role == ROLE_ANONYMOUS)
        return fail(err, E_UNAUTHENTICATED, "the token's role is not known");
    const bool ended_is_fine = req->route != NULL && (req->route->flags & ROUTE_ENDED_OK) != 0;
    if (!ended_is_fine && not_revoked(req, &claims, err) != E_OK)
        return err->code;
    req->user.id = claims.user_id;
    req->user.session = claims.session_id;
    return E_OK;
}

/* Ways to say who one is, in the order in which they are looked for. */
static const struct
{
    enum header header;
    enum err_code (*find)(struct request *req, struct err *err);
} ways[] = {{HEADER_AUTHORIZATION, bearer_find}};

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

/* Before a lane is entered, where users take turns; the lane asks again before the handler runs.  What runs on the
 * event thread is asked here or never. */
enum err_code auth_early(struct request *req, struct err *err)
{
    const bool is_free = req->route->lane == LANE_EVENT && req->route->who == WHO_ALL;
    if (auth_offered(req, err) != E_OK || is_free)
        return err->code;
    return auth_find(req, err) == E_OK ? auth_allow(req, err) : err->code;
}

enum err_code auth_allow(struct request *req, struct err *err)
{
    static const enum role least[] = {[WHO_NOBODY] = ROLE_COUNT,
                                      [WHO_ALL] = ROLE_ANONYMOUS,
                                      [WHO_USER] = ROLE_USER,
                                      [WHO_MODERATOR] = ROLE_MODERATOR,
                                      [WHO_ADMIN] = ROLE_ADMIN};
    if (req->user.role >= least[req->route->who])
        return E_OK;
    if (req->user.role == ROLE_ANONYMOUS)
        return fail(err, E_UNAUTHENTICATED, "a valid access token is needed");
    return fail(err, E_FORBIDDEN, "this is not for the role you have");
}
