/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/leftovers.h"

#include <sys/resource.h>
#include <sys/stat.h>

void leftovers_limit(void)
{
    const struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none); /* lowering a limit is always allowed */
    const mode_t was = umask(0027);
    umask(was | 0027);
}
