/* SPDX-License-Identifier: Apache-2.0 */
/* Queued jobs although a place is free: a cancel or a take-back frees one, and knows of no limit. */
#include "common/store/limits.h"

#include "common/healing/internal.h"

enum err_code limits_admit(struct healing *healing, struct err *err)
{
    int64_t admitted = 0;
    enum err_code code = job_limit_admit_all(healing->db, healing->arena, &admitted, err);
    if (code == E_OK && admitted > 0)
        healing->wake(healing->wake_of);
    return code;
}
