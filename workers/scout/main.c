/* SPDX-License-Identifier: Apache-2.0 */
/* sokoul-scout: finds titles and releases. The table of its kinds. */
#include "workers/runtime/noop.h"
#include "workers/runtime/program.h"

static const struct job_kind_row kinds[] = {
    {"noop", noop_run, 0},
};

int main(int argc, char **argv)
{
    static const struct program program = {.worker = "scout",
                                           .service = "sokoul-scout",
                                           .about = "Finds titles and releases.",
                                           .conf = CONF_SCOUT,
                                           .metrics_port = 9101,
                                           .kinds = kinds,
                                           .kinds_count = sizeof kinds / sizeof kinds[0]};
    return program_main(&program, argc, argv);
}
