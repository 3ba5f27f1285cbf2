/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notify.h -- the job that notifies a user.
 *
 * Payload {"channel", "template", …}.  The channel is "email": plain text by SMTP_URL, to the address of the
 * job's user, which never comes from the payload.  Templates and what they take:
 *
 *   job_failed     {job_id, kind, reason?, detail?, title?}
 *   download_done  {download_id, name}
 *   password_reset {ask_id}: to whoever has the address that was asked for (reset.h)
 *
 * The result is {"channel","sent","detail"}: with nothing to deliver, because no mail server is configured or
 * the job is of no person, the job Completes with `sent` false and a detail in plain words.  A mail that the
 * server refuses with 5xx is Failed at once; every other error is tried again.
 *
 * A mail may go out twice when the worker dies between the server's answer and the commit; both have
 * the same Message-ID, made of the job's id.
 */
#ifndef SOKOUL_WORKERS_SCOUT_NOTIFY_H
#define SOKOUL_WORKERS_SCOUT_NOTIFY_H

#include "workers/runtime/runtime.h"

enum err_code notify_run(struct job *job, struct err *err);

/* A notice in words; subject and text live in the arena.  E_INVALID: no such template, or a payload of
 * another one. */
struct notice
{
    const char *subject;
    const char *text;
};
MUST_USE enum err_code notice_write(struct arena *arena, const char *template_name,
                                    const struct json *payload, struct notice *notice, struct err *err);

#endif
