/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listen.h -- whether TORRENT_LISTEN is free.
 *
 * When the port is busy the engine silently takes another one, and peers could not connect through a router
 * that forwards the port of the setting.  So the port is tried first, for TCP and UDP, and freed again.
 *
 * E_UNAVAILABLE: another program has it.  E_CONFIG: this machine does not allow it.  Does not block.
 */
#ifndef SOKOUL_WORKERS_HUNTER_LISTEN_H
#define SOKOUL_WORKERS_HUNTER_LISTEN_H

#include "common/base/err.h"
#include "common/conf/net.h"

MUST_USE enum err_code listen_try(const struct conf_listen *at, struct err *err);

#endif
