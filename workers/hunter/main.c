/* SPDX-License-Identifier: Apache-2.0 */
/* sokoul-hunter: downloads and seeds. The table of its kinds. */
#include "common/http/http.h"
#include "workers/hunter/download.h"
#include "workers/hunter/hunter.h"
#include "workers/hunter/places.h"
#include "workers/hunter/purge.h"
#include "workers/runtime/noop.h"
#include "workers/runtime/program.h"

#include <locale.h>

enum
{
    PURGE_MS = 60000
};

static const struct job_kind_row kinds[] = {
    {.kind = "download", .run = download_run},
    {.kind = "purge", .run = purge_run, .timeout_ms = PURGE_MS},
    {.kind = "noop", .run = noop_run},
};

int main(int argc, char **argv)
{
    static const struct program program = {.worker = "hunter",
                                           .service = "sokoul-hunter",
                                           .about = "Downloads and seeds torrents.",
                                           .conf = CONF_HUNTER,
                                           .http = http_library,
                                           .metrics_port = 9102,
                                           .slots = places_in_all,
                                           .kinds = kinds,
                                           .kinds_count = sizeof kinds / sizeof kinds[0],
                                           .open = hunter_open,
                                           .close = hunter_close,
                                           .take = hunter_take};
    setlocale(LC_CTYPE, "C.UTF-8"); /* libtorrent names files in it, and a service is started without one */
    return program_main(&program, argc, argv);
}
