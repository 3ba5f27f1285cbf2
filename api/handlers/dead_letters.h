/* SPDX-License-Identifier: Apache-2.0 */
/* dead_letters.h -- dead letters: /admin/dlq. */
#ifndef SOKOUL_API_HANDLERS_DEAD_LETTERS_H
#define SOKOUL_API_HANDLERS_DEAD_LETTERS_H

#include "api/request.h"

enum err_code dead_letters_list(struct request *req, struct err *err);
enum err_code dead_letters_get(struct request *req, struct err *err);
enum err_code dead_letters_replay(struct request *req, struct err *err);
enum err_code dead_letters_delete(struct request *req, struct err *err);
enum err_code dead_letters_purge(struct request *req, struct err *err); /* all of them */

#endif
