/* SPDX-License-Identifier: Apache-2.0 */
#include "api/places.h"

#include "common/base/log.h"

#include <sys/resource.h>

enum
{
    OTHERS = 256 /* descriptors for servers, files and whatever lingers */
};

static size_t descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 0;
    const rlim_t soft = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_max : soft;
}

size_t places_have(size_t wanted, size_t beside)
{
    const size_t needed = wanted + beside + OTHERS;
    const size_t there = descriptors();
    if (there >= needed)
        return wanted;
    const size_t places = there > beside + OTHERS ? there - beside - OTHERS : 1;
    log_warn("descriptors", "%zu descriptors are room for %zu connections, not for %zu: raise LimitNOFILE",
             there, places, wanted);
    return places;
}
