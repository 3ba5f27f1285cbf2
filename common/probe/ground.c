/* SPDX-License-Identifier: Apache-2.0 */
#include "common/probe/ground.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/crypt/digest.h"
#include "common/db/db.h"
#include "common/json/json.h"
#include "common/mq/mq.h"

enum
{
    LIST_BYTES = 512
};

static const int64_t earliest_ms = 1704067200000; /* 2024-01-01, the day of the first migration */

enum err_code ground_libraries(library_of *http, struct buf *found, struct err *err)
{
    library_of *const all[] = {db_library, mq_library, json_library, digest_library, http};
    for (size_t i = 0; i < sizeof all / sizeof all[0] && all[i] != NULL; i++)
    {
        const struct library library = all[i]();
        buf_addf(found, "%s%s %s", i > 0 ? ", " : "", library.name, library.found);
        if (library_is_older(&library))
            return fail(err, E_UNAVAILABLE, "%s %s is older than %s, with which this was built", library.name,
                        library.found, library.built);
        if (library.lacks != NULL)
            return fail(err, E_UNAVAILABLE, "%s %s was made without %s", library.name, library.found,
                        library.lacks);
    }
    return E_OK;
}

enum err_code ground_clock(struct err *err)
{
    return clock_wall_ms() >= earliest_ms
               ? E_OK
               : fail(err, E_UNAVAILABLE, "the clock of this machine says that it is before 2024");
}

void ground_check(const char *service, library_of *http)
{
    struct err err = ERR_INIT;
    struct buf found;
    buf_init(&found, LIST_BYTES);
    log_info("check", "settings: %s has what it needs", service);
    if (ground_libraries(http, &found, &err) == E_OK)
        log_info("check", "libraries: %.*s", (int)found.len, found.data);
    else
        log_warn("check", "libraries: %s", err.text);
    buf_fini(&found);
    if (ground_clock(&err) == E_OK)
        log_info("check", "clock: it can be right");
    else
        log_warn("check", "clock: %s", err.text);
}
