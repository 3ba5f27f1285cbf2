/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probes.h -- the probes that health runs each second, of Postgres, Redis and NATS, each over a connection of
 * its own, so that a busy pool does not look like a dead server.
 *
 * The connection to Postgres is named after the service, and its statement each second is the sign of life
 * that `sokoulctl doctor` looks for (common/store/checkup.h).
 *
 * Ownership: probes_close after health_stop.
 */
#ifndef SOKOUL_COMMON_PROBE_PROBES_H
#define SOKOUL_COMMON_PROBE_PROBES_H

#include "common/base/err.h"

struct conf;
struct health;
struct mq;
struct probes;

/* Registers the probes; health_start is the caller's. */
MUST_USE enum err_code probes_open(const struct conf *conf, const char *service, struct mq *mq,
                                   struct health *health, struct probes **probes, struct err *err);
void probes_close(struct probes *probes); /* NULL is fine */

#endif
