/* SPDX-License-Identifier: Apache-2.0 */
#include "api/slots.h"

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

size_t slots_have(size_t wanted, size_t extra)
{
    const size_t needed = wanted + extra + OTHERS;
    const size_t there = descriptors();
    if (there >= needed)
        return wanted;
    const size_t slots = there > extra + OTHERS ? there - extra - OTHERS : 1;
    log_warn("descriptors", "%zu descriptors are room for %zu connections, not for %zu: raise LimitNOFILE",
             there, slots, wanted);
    return slots;
}
