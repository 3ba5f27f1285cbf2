/* SPDX-License-Identifier: Apache-2.0 */
/* media.h -- a title and its releases: /media/{id}, /media/{id}/releases, …/releases/search. */
#ifndef SOKOUL_API_HANDLERS_MEDIA_H
#define SOKOUL_API_HANDLERS_MEDIA_H

#include "api/request.h"

enum err_code media_get(struct request *req, struct err *err);
enum err_code media_get_batch(struct request **reqs, size_t count, struct err *err);
enum err_code media_list_releases(struct request *req, struct err *err);
/* Two searches for one title at once are one job. */
enum err_code media_search_releases(struct request *req, struct err *err);

#endif
