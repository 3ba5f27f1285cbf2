/* SPDX-License-Identifier: Apache-2.0 */
/* sokoul-scout: finds titles and releases, and notifies users. The table of its kinds. */
#include "common/http/http.h"
#include "workers/runtime/noop.h"
#include "workers/runtime/program.h"
#include "workers/scout/notify.h"
#include "workers/scout/releases.h"
#include "workers/scout/scout.h"
#include "workers/scout/search.h"

enum
{
    RELEASES_MAX_MS = 1800000 /* 50 pages of a slow Prowlarr, each within its own deadline */
};

static const struct job_kind_row kinds[] = {
    {.kind = "search", .run = search_run},
    {.kind = "releases", .run = releases_run, .timeout_ms = RELEASES_MAX_MS},
    {.kind = "notify", .run = notify_run},
    {.kind = "noop", .run = noop_run},
};

int main(int argc, char **argv)
{
    static const struct program program = {.worker = "scout",
                                           .service = "sokoul-scout",
                                           .about = "Finds titles and releases, and tells users.",
                                           .conf = CONF_SCOUT,
                                           .http = http_library,
                                           .metrics_port = 9101,
                                           .kinds = kinds,
                                           .kinds_count = sizeof kinds / sizeof kinds[0],
                                           .open = scout_open,
                                           .close = scout_close,
                                           .take = scout_take};
    return program_main(&program, argc, argv);
}
