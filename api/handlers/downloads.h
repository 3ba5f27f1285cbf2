/* SPDX-License-Identifier: Apache-2.0 */
/* downloads.h -- /downloads: start, list, look, pause, resume, delete. */
#ifndef SOKOUL_API_HANDLERS_DOWNLOADS_H
#define SOKOUL_API_HANDLERS_DOWNLOADS_H

#include "api/request.h"

enum err_code downloads_start(struct request *req, struct err *err);
enum err_code downloads_list(struct request *req, struct err *err);
enum err_code downloads_get(struct request *req, struct err *err);
enum err_code downloads_files(struct request *req, struct err *err);
enum err_code downloads_pause(struct request *req, struct err *err);
enum err_code downloads_resume(struct request *req, struct err *err);
enum err_code downloads_delete(struct request *req, struct err *err);

#endif
