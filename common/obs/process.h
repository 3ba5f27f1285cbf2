/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process.h -- this process seen by the kernel, as the customary process_* metrics.
 *
 * Reads /proc/self; what cannot be read is left out.  Any thread.
 */
#ifndef SOKOUL_COMMON_OBS_PROCESS_H
#define SOKOUL_COMMON_OBS_PROCESS_H

#include "common/obs/metrics.h"

void process_write(struct buf *out, enum metrics_format format);

#endif
