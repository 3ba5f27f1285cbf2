/* SPDX-License-Identifier: Apache-2.0 */
/* payload.h -- texts from the command line that become part of a job, checked against the envelope's limits.
 */
#ifndef SOKOUL_CLI_PAYLOAD_H
#define SOKOUL_CLI_PAYLOAD_H

#include "cli/session.h"

/* --payload in the form that is stored; `otherwise` when it was not given.  E_INVALID: no JSON, no object, or
 * too large. */
MUST_USE enum err_code read_payload(struct session *session, const char *otherwise, const char **payload,
                                    struct err *err);
/* --unique-key, NULL when it was not given.  E_INVALID: empty, too long, or not UTF-8. */
MUST_USE enum err_code read_unique_key(struct session *session, const char **key, struct err *err);

#endif
