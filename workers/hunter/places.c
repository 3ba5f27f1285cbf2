/* SPDX-License-Identifier: Apache-2.0 */
#include "workers/hunter/places.h"

#include "common/base/log.h"
#include "common/store/limits.h"

enum
{
    SPARE = 8, /* slots that no download takes */
    PURGES = 4 /* of these, so that other kinds have some, too */
};

int places_in_all(const struct conf *conf)
{
    return (int)conf->downloads_active_per_hunter + SPARE;
}

enum err_code places_announce(const struct hunter *hunter, struct db *db, struct arena *arena,
                              struct err *err)
{
    const struct job_limit_own own[] = {{"download", "hunter", hunter->conf->downloads_active_per_hunter},
                                        {"purge", "hunter", PURGES}};
    enum err_code code = E_OK;
    for (size_t i = 0; code == E_OK && i < sizeof own / sizeof own[0]; i++)
        code = job_limit_own(db, arena, &own[i], err);
    return code;
}

enum err_code places_share(const struct hunter *hunter, struct db *db, struct err *err)
{
    int64_t missing = 0;
    if (swarms_idle(hunter->swarms) == 0)
        return E_OK;
    enum err_code code = job_limit_short(db, "download", &missing, err);
    if (code != E_OK || missing <= 0)
        return code;
    size_t asked = swarms_yield(hunter->swarms, (size_t)missing);
    if (asked > 0)
        log_info("places", "%zu idle downloads give way to %lld that wait", asked, (long long)missing);
    return E_OK;
}
