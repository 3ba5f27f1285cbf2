/* SPDX-License-Identifier: Apache-2.0 */
/* THE TABLE: every path that the API knows.  A route is one row here and one handler. */
#include "api/route.h"

#include "api/handlers/admin.h"
#include "api/handlers/api_keys.h"
#include "api/handlers/auth.h"
#include "api/handlers/avatar.h"
#include "api/handlers/dead_letters.h"
#include "api/handlers/downloads.h"
#include "api/handlers/favorites.h"
#include "api/handlers/health.h"
#include "api/handlers/history.h"
#include "api/handlers/jobs.h"
#include "api/handlers/media.h"
#include "api/handlers/openapi.h"
#include "api/handlers/passwords.h"
#include "api/handlers/profile.h"
#include "api/handlers/register.h"
#include "api/handlers/search.h"
#include "api/handlers/sessions.h"
#include "api/handlers/torrents.h"
#include "api/handlers/totp.h"
#include "api/handlers/users.h"
#include "common/http/multipart.h"
#include "common/media/torrent.h"

#define DB ROUTE_DB
#define JSON (ROUTE_DB | ROUTE_BODY_JSON)
#define LOGIN (ROUTE_DB | ROUTE_LOGIN)
#define WORK (ROUTE_DB | ROUTE_IDEMPOTENT)
#define PAGES "page", "limit", "cursor"

enum
{
    FORM_BYTES = 16 << 10 /* a few short fields, each character escaped */
};

static const struct route rows[] = {
    /* health and metrics: answered on the event thread, also with everything down */
    {METHOD_GET, "/health", WHO_ALL, LANE_EVENT, ROUTE_FREE, .handle = health_get},
    {METHOD_GET, "/healthz", WHO_ALL, LANE_EVENT, ROUTE_FREE, .handle = health_get_brief},
    {METHOD_GET, "/livez", WHO_ALL, LANE_EVENT, ROUTE_FREE, .handle = health_get_live},
    {METHOD_GET, "/health/deep", WHO_ALL, LANE_EVENT, ROUTE_FREE | ROUTE_INTERNAL, .handle = health_get_deep},
    {METHOD_GET, "/ready", WHO_ALL, LANE_EVENT, ROUTE_FREE, .handle = health_get_ready},
    {METHOD_GET, "/readyz", WHO_ALL, LANE_EVENT, ROUTE_FREE, .handle = health_get_ready},
    {METHOD_GET, "/metrics", WHO_ALL, LANE_EVENT, ROUTE_FREE | ROUTE_INTERNAL, .handle = health_get_metrics},

    /* what this table means to a client */
    {METHOD_GET, "/openapi.json", WHO_ALL, LANE_EXECUTOR, 0, .handle = openapi_get},
    {METHOD_GET, "/docs", WHO_ALL, LANE_EXECUTOR, 0, .handle = openapi_get_page},

    /* accounts */
    {METHOD_POST, "/auth/register", WHO_ALL, LANE_PASSWORDS, JSON, FORM_BYTES, .handle = register_post},
    {METHOD_POST, "/auth/login", WHO_ALL, LANE_PASSWORDS, JSON, FORM_BYTES, .handle = auth_login},
    {METHOD_POST, "/auth/refresh", WHO_ALL, LANE_EXECUTOR, JSON, FORM_BYTES, .handle = auth_refresh},
    {METHOD_POST, "/auth/logout", WHO_USER, LANE_EXECUTOR, JSON | ROUTE_LOGIN | ROUTE_ENDED_OK, FORM_BYTES,
     .handle = auth_logout},
    {METHOD_POST, "/auth/password/forgot", WHO_ALL, LANE_EXECUTOR, JSON, FORM_BYTES,
     .handle = passwords_forgot},
    {METHOD_POST, "/auth/password/reset", WHO_ALL, LANE_PASSWORDS, JSON, FORM_BYTES,
     .handle = passwords_reset},
    {METHOD_GET, "/auth/sessions", WHO_USER, LANE_EXECUTOR, LOGIN, .query = {PAGES}, .handle = sessions_list},
    {METHOD_DELETE, "/auth/sessions/{id}", WHO_USER, LANE_EXECUTOR, LOGIN, .handle = sessions_end},
    {METHOD_GET, "/user/profile", WHO_USER, LANE_EXECUTOR, DB, .handle = profile_get},
    {METHOD_PATCH, "/user/profile", WHO_USER, LANE_EXECUTOR, JSON | ROUTE_LOGIN, FORM_BYTES,
     .handle = profile_patch},
    {METHOD_DELETE, "/user/profile", WHO_USER, LANE_EXECUTOR, LOGIN, .handle = profile_delete},
    {METHOD_POST, "/user/api-keys", WHO_USER, LANE_EXECUTOR, JSON | ROUTE_LOGIN, FORM_BYTES,
     .handle = api_keys_add},
    {METHOD_GET, "/user/api-keys", WHO_USER, LANE_EXECUTOR, LOGIN, .query = {PAGES}, .handle = api_keys_list},
    {METHOD_DELETE, "/user/api-keys/{id}", WHO_USER, LANE_EXECUTOR, LOGIN, .handle = api_keys_remove},
    {METHOD_POST, "/user/avatar", WHO_USER, LANE_EXECUTOR, LOGIN, AVATAR_MAX_BYTES + MULTIPART_FRAME_MAX,
     .handle = avatar_put},
    {METHOD_GET, "/user/avatar", WHO_USER, LANE_EXECUTOR, DB, .handle = avatar_get},
    {METHOD_GET, "/user/totp", WHO_USER, LANE_EXECUTOR, LOGIN, .handle = totp_get},
    {METHOD_POST, "/user/totp", WHO_USER, LANE_EXECUTOR, LOGIN, .handle = totp_begin},
    {METHOD_POST, "/user/totp/confirm", WHO_USER, LANE_EXECUTOR, JSON | ROUTE_LOGIN, FORM_BYTES,
     .handle = totp_confirm},
    {METHOD_DELETE, "/user/totp", WHO_USER, LANE_PASSWORDS, JSON | ROUTE_LOGIN, FORM_BYTES,
     .handle = totp_remove},

    /* titles */
    {METHOD_GET, "/search", WHO_USER, LANE_EXECUTOR, DB, .limit = LIMIT_SEARCH,
     .query = {"query", "type", PAGES}, .handle = search_get},
    {METHOD_POST, "/search", WHO_USER, LANE_EXECUTOR, WORK | ROUTE_BODY_JSON, FORM_BYTES,
     .limit = LIMIT_SEARCH, .handle = search_post},
    {METHOD_GET, "/media/favorites", WHO_USER, LANE_EXECUTOR, DB, .query = {PAGES}, .handle = favorites_list},
    {METHOD_POST, "/media/favorite", WHO_USER, LANE_EXECUTOR, JSON, FORM_BYTES, .handle = favorites_add},
    {METHOD_DELETE, "/media/favorite/{media_id}", WHO_USER, LANE_EXECUTOR, DB, .handle = favorites_remove},
    {METHOD_GET, "/media/{id}", WHO_USER, LANE_EXECUTOR, DB, .handle = media_get,
     .handle_batch = media_get_batch},
    {METHOD_GET, "/media/{id}/releases", WHO_USER, LANE_EXECUTOR, DB, .query = {PAGES},
     .handle = media_list_releases},
    {METHOD_POST, "/media/{id}/releases/search", WHO_USER, LANE_EXECUTOR,
     WORK | ROUTE_BODY_JSON | ROUTE_BODY_OPTIONAL, FORM_BYTES, .limit = LIMIT_SEARCH,
     .handle = media_search_releases},
    {METHOD_GET, "/watch-history", WHO_USER, LANE_EXECUTOR, DB, .query = {PAGES}, .handle = history_list},
    {METHOD_POST, "/watch-history", WHO_USER, LANE_EXECUTOR, JSON, FORM_BYTES, .handle = history_add},

    /* downloads */
    {METHOD_POST, "/torrents/inspect", WHO_USER, LANE_EXECUTOR, JSON | ROUTE_BODY_BYTES_OK, TORRENT_MAX_BYTES,
     .handle = torrents_inspect},
    {METHOD_POST, "/downloads/start", WHO_USER, LANE_EXECUTOR, WORK | ROUTE_BODY_JSON,
     .handle = downloads_start},
    {METHOD_GET, "/downloads", WHO_USER, LANE_EXECUTOR, DB, .query = {"status", PAGES},
     .handle = downloads_list},
    {METHOD_GET, "/downloads/{id}", WHO_USER, LANE_EXECUTOR, DB, .handle = downloads_get},
    {METHOD_DELETE, "/downloads/{id}", WHO_USER, LANE_EXECUTOR, DB, .query = {"files"},
     .handle = downloads_delete},
    {METHOD_GET, "/downloads/{id}/files", WHO_USER, LANE_EXECUTOR, DB, .query = {PAGES},
     .handle = downloads_files},
    {METHOD_POST, "/downloads/{id}/pause", WHO_USER, LANE_EXECUTOR, DB, .handle = downloads_pause},
    {METHOD_POST, "/downloads/{id}/resume", WHO_USER, LANE_EXECUTOR, DB, .handle = downloads_resume},

    /* jobs */
    {METHOD_POST, "/jobs", WHO_ADMIN, LANE_EXECUTOR, WORK | ROUTE_BODY_JSON, .handle = jobs_create,
     .handle_batch = jobs_create_batch},
    {METHOD_GET, "/jobs", WHO_USER, LANE_EXECUTOR, DB, .query = {"status", "kind", PAGES},
     .handle = jobs_list},
    {METHOD_GET, "/jobs/{id}", WHO_USER, LANE_EXECUTOR, DB, .handle = jobs_get,
     .handle_batch = jobs_get_batch},
    {METHOD_POST, "/jobs/{id}/cancel", WHO_USER, LANE_EXECUTOR, DB, .handle = jobs_cancel},

    /* operators */
    {METHOD_GET, "/admin/stats", WHO_ADMIN, LANE_EXECUTOR, DB, .handle = admin_get_stats},
    {METHOD_GET, "/admin/users", WHO_ADMIN, LANE_EXECUTOR, DB, .query = {"role", "disabled", "query", PAGES},
     .handle = users_list},
    {METHOD_PATCH, "/admin/users/{id}", WHO_ADMIN, LANE_EXECUTOR, JSON | ROUTE_LOGIN, FORM_BYTES,
     .handle = users_change},
    {METHOD_GET, "/admin/invitations", WHO_ADMIN, LANE_EXECUTOR, DB, .query = {PAGES},
     .handle = invitations_list},
    {METHOD_POST, "/admin/invitations", WHO_ADMIN, LANE_EXECUTOR, JSON | ROUTE_LOGIN | ROUTE_BODY_OPTIONAL,
     FORM_BYTES, .handle = invitations_create},
    {METHOD_DELETE, "/admin/invitations/{id}", WHO_ADMIN, LANE_EXECUTOR, LOGIN, .handle = invitations_delete},
    {METHOD_GET, "/admin/logs", WHO_MODERATOR, LANE_EXECUTOR, DB,
     .query = {"user_id", "action", "since", PAGES}, .handle = admin_list_logs},
    {METHOD_GET, "/admin/dlq", WHO_ADMIN, LANE_EXECUTOR, DB, .query = {"kind", PAGES},
     .handle = dead_letters_list},
    {METHOD_DELETE, "/admin/dlq", WHO_ADMIN, LANE_EXECUTOR, DB, .handle = dead_letters_purge},
    {METHOD_GET, "/admin/dlq/{id}", WHO_ADMIN, LANE_EXECUTOR, DB, .handle = dead_letters_get},
    {METHOD_DELETE, "/admin/dlq/{id}", WHO_ADMIN, LANE_EXECUTOR, DB, .handle = dead_letters_delete},
    {METHOD_POST, "/admin/dlq/{id}/replay", WHO_ADMIN, LANE_EXECUTOR,
     WORK | ROUTE_BODY_JSON | ROUTE_BODY_OPTIONAL, .handle = dead_letters_replay},
};

const struct route_table routes = {rows, sizeof rows / sizeof rows[0]};
