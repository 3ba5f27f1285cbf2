/* SPDX-License-Identifier: Apache-2.0 */
/*
 * work.h -- what clients send about downloads, torrents and jobs.
 *
 * Each reader fills its struct or returns E_INVALID with the complaints noted.  Texts live in the
 * request's arena.  Blocks never.
 */
#ifndef SOKOUL_API_DTO_WORK_H
#define SOKOUL_API_DTO_WORK_H

#include "api/request.h"
#include "common/job/envelope.h"
#include "common/job/job.h"

enum
{
    WORK_MAX_JOBS = 10000,
    WORK_MAX_FILES = 10000,
    WORK_MAX_PAYLOAD_BYTES = ENVELOPE_MAX_PAYLOAD
};

struct work_download
{
    const char *media_id;
    const char *magnet; /* at most one of the three */
    const char *release_id;
    const char *torrent_id;
    const char *files; /* array literal of indexes for db.h, NULL: all */
};
MUST_USE enum err_code work_download_read(struct request *req, struct work_download *out, struct err *err);

/* {"magnet":"…"} of POST /torrents/inspect. */
MUST_USE enum err_code work_magnet_read(struct request *req, const char **magnet, struct err *err);

struct work_job
{
    const char *kind;
    const char *worker;  /* of the kind when not given */
    const char *payload; /* JSON object text */
    enum job_priority priority;
    int64_t run_at_ms; /* 0: now */
    int64_t count;     /* 0: not given, one */
};
MUST_USE enum err_code work_job_read(struct request *req, struct work_job *out, struct err *err);

/* {"payload":{…}} of a replay; *payload NULL when there is none. */
MUST_USE enum err_code work_replay_read(struct request *req, const char **payload, struct err *err);

#endif
