/* SPDX-License-Identifier: Apache-2.0 */
/* THE TABLE: everything sokoulctl can do. */
#include "cli/verb.h"

/* clang-format off */
const struct verb verbs[] = {
    {"migrate", "up", "", 0, 0, OPTION_BIT(DIR), VERB_NEEDS_SETTINGS, verb_migrate_up,
     "bring the database's schema up to date",
     "Applies what is pending, each file in one transaction; nothing to do is fine.  Several may run\n"
     "at once.  A database that is starting is waited for, up to 30 s.  A broken file is rolled back\n"
     "and named, and so is a file that was changed after it had been applied (exit 1)."},
    {"migrate", "status", "", 0, 0, OPTION_BIT(DIR), VERB_NEEDS_SETTINGS, verb_migrate_status,
     "show which migrations were applied",
     "States: applied, pending, changed (after it had been applied; exit 1), unknown (a newer\n"
     "program applied it)."},
};
/* clang-format on */

const size_t verbs_count = sizeof verbs / sizeof verbs[0];
