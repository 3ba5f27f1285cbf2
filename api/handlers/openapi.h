/* SPDX-License-Identifier: Apache-2.0 */
/* openapi.h -- the API's description of itself, for programs and for people: /openapi.json, /docs. */
#ifndef SOKOUL_API_HANDLERS_OPENAPI_H
#define SOKOUL_API_HANDLERS_OPENAPI_H

#include "api/request.h"

/* docs/openapi.json as it was when this was built, ended by a zero that is not counted; docs/openapi.html
 * likewise. */
extern const char openapi_json[];
extern const char openapi_json_end[];
extern const char openapi_html[];
extern const char openapi_html_end[];

enum err_code openapi_get(struct request *req, struct err *err);      /* /openapi.json */
enum err_code openapi_get_page(struct request *req, struct err *err); /* /docs */

#endif
