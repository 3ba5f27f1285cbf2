/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listen.h -- whether TORRENT_LISTEN is to be had.
 *
 * The engine takes another port without a word when that one is busy, and nobody whose router forwards the
 * one of the setting would be found by peers.  So it is tried first, for TCP and UDP, and let go again.
 *
 * E_UNAVAILABLE: somebody else has it.  E_CONFIG: this machine does not let us.  Does not block.
 */
#ifndef SOKOUL_WORKERS_HUNTER_LISTEN_H
#define SOKOUL_WORKERS_HUNTER_LISTEN_H

#include "common/base/err.h"
#include "common/conf/net.h"

MUST_USE enum err_code listen_try(const struct conf_listen *at, struct err *err);

#endif
