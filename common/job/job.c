/* SPDX-License-Identifier: Apache-2.0 */
#include "common/job/job.h"

#include <stdio.h>
#include <string.h>

static const char *const status_names[] = {[JOB_NOTHING] = "",
                                           [JOB_PENDING] = "Pending",
                                           [JOB_RUNNING] = "Running",
                                           [JOB_COMPLETED] = "Completed",
                                           [JOB_FAILED] = "Failed"};

static const char *const priority_names[] = {[JOB_HIGH] = "high", [JOB_NORMAL] = "normal", [JOB_LOW] = "low"};

/* The lawful moves, all of them. */
static const struct
{
    enum job_move move;
    enum job_status from;
    enum job_status to;
} moves[] = {
    {JOB_ACCEPT, JOB_NOTHING, JOB_PENDING},    {JOB_ADOPT, JOB_NOTHING, JOB_RUNNING},
    {JOB_CLAIM, JOB_PENDING, JOB_RUNNING},     {JOB_WAKE, JOB_PENDING, JOB_PENDING},
    {JOB_CANCEL, JOB_PENDING, JOB_FAILED},     {JOB_FINISH, JOB_RUNNING, JOB_COMPLETED},
    {JOB_RETRY, JOB_RUNNING, JOB_PENDING},     {JOB_GIVE_UP, JOB_RUNNING, JOB_FAILED},
    {JOB_FAIL, JOB_RUNNING, JOB_FAILED},       {JOB_HAND_BACK, JOB_RUNNING, JOB_PENDING},
    {JOB_TAKE_BACK, JOB_RUNNING, JOB_PENDING}, {JOB_CANCEL, JOB_RUNNING, JOB_FAILED},
    {JOB_REPLAY, JOB_FAILED, JOB_PENDING},
};

static const struct
{
    const char *kind;
    const char *worker;
} kinds[] = {
    {"search", "scout"},    {"releases", "scout"}, {"notify", "scout"},
    {"download", "hunter"}, {"purge", "hunter"},   {"noop", "scout"},
};

static const char *const workers[] = {"scout", "hunter", "bot", NULL};

const char *job_status_name(enum job_status status)
{
    return status_names[status];
}

bool job_status_parse(const char *name, enum job_status *status)
{
    for (int i = JOB_PENDING; i <= JOB_FAILED; i++)
    {
        if (strcmp(name, status_names[i]) != 0)
            continue;
        *status = (enum job_status)i;
        return true;
    }
    return false;
}

const char *job_priority_name(enum job_priority priority)
{
    return priority_names[priority];
}

bool job_priority_parse(const char *name, enum job_priority *priority)
{
    for (int i = 0; i < JOB_PRIORITIES; i++)
    {
        if (strcmp(name, priority_names[i]) != 0)
            continue;
        *priority = (enum job_priority)i;
        return true;
    }
    return false;
}

bool job_move_to(enum job_status from, enum job_move move, enum job_status *to)
{
    for (size_t i = 0; i < sizeof moves / sizeof moves[0]; i++)
    {
        if (moves[i].move != move || moves[i].from != from)
            continue;
        *to = moves[i].to;
        return true;
    }
    return false;
}

bool job_is_over(enum job_status status)
{
    return status == JOB_COMPLETED || status == JOB_FAILED;
}

const char *job_worker_of(const char *kind)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kind, kinds[i].kind) == 0)
            return kinds[i].worker;
    return NULL;
}

const char *job_worker_at(size_t index)
{
    return workers[index];
}

bool job_worker_known(const char *worker)
{
    for (size_t i = 0; workers[i] != NULL; i++)
        if (strcmp(worker, workers[i]) == 0)
            return true;
    return false;
}

bool job_is_token(const char *text)
{
    size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_");
    return len > 0 && len <= 32 && text[len] == '\0';
}

const char *job_kind_at(size_t index)
{
    return index < sizeof kinds / sizeof kinds[0] ? kinds[index].kind : NULL;
}

bool job_worker_runs(const char *worker, const char *kind)
{
    if (job_worker_of(kind) != NULL)
        return job_worker_known(worker);
    return job_is_token(kind) && job_is_token(worker) && !job_worker_known(worker);
}

enum err_code job_subject(const char *worker, const char *kind, enum job_priority priority,
                          char subject[JOB_SUBJECT_SIZE], struct err *err)
{
    if (!job_is_token(worker) || !job_is_token(kind))
        return fail(err, E_INVALID, "worker and kind must be 1 to 32 of a-z, 0-9 and _");
    bool plain = priority == JOB_NORMAL;
    snprintf(subject, JOB_SUBJECT_SIZE, "sokoul.jobs.%s.%s%s%s", worker, kind, plain ? "" : ".",
             plain ? "" : job_priority_name(priority));
    return E_OK;
}
