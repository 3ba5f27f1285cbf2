/* SPDX-License-Identifier: Apache-2.0 */
/* torrents.h -- what is in a .torrent or magnet link: /torrents/inspect. */
#ifndef SOKOUL_API_HANDLERS_TORRENTS_H
#define SOKOUL_API_HANDLERS_TORRENTS_H

#include "api/request.h"

enum err_code torrents_inspect(struct request *req, struct err *err);

#endif
