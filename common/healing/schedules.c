/* SPDX-License-Identifier: Apache-2.0 */
/* Periodic jobs that are due. */
#include "common/store/schedules.h"

#include "common/base/log.h"
#include "common/healing/internal.h"

enum err_code schedules_fire(struct healing *healing, struct err *err)
{
    int64_t fired = 0;
    enum err_code code = schedule_store_fire(healing->db, healing->arena, &fired, err);
    if (code == E_OK && fired > 0)
        healing->wake(healing->wake_of);
    if (code == E_OK || code == E_DATABASE || code == E_TIMEOUT)
        return code;
    log_error("schedules_failed", "periodic jobs could not be made: %s", err->text);
    return E_OK; /* the other tasks must go on */
}
