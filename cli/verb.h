/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verb.h -- what sokoulctl can do, one row per verb (verbs.c), one file per verb.
 *
 * A new verb is a row and a function `enum err_code verb_GROUP_NAME(struct session *, struct err *)`.
 */
#ifndef SOKOUL_CLI_VERB_H
#define SOKOUL_CLI_VERB_H

#include "cli/session.h"

#include <stdio.h>

enum verb_need
{
    VERB_NEEDS_NOTHING,
    VERB_NEEDS_SETTINGS
};

enum
{
    VERB_MANY = 100000
};

struct verb
{
    const char *group; /* "job"; NULL: the name stands alone */
    const char *name;
    const char *words; /* its arguments, for the help: "ID…" */
    size_t min_words;
    size_t max_words;
    uint64_t options; /* OPTION_BITs, beside those that every verb takes */
    enum verb_need need;
    enum err_code (*run)(struct session *session, struct err *err);
    const char *about; /* one line */
    const char *more;  /* some lines, or NULL */
};

extern const struct verb verbs[];
extern const size_t verbs_count;

/* Finds the verb that the words begin with; *used of them name it.  E_USAGE: none. */
MUST_USE enum err_code verb_find(const char *const *words, size_t count, const struct verb **verb,
                                 size_t *used, struct err *err);
/* Writes "job inject" into the caller's text. */
enum
{
    VERB_TITLE_SIZE = 40
};
void verb_title(const struct verb *verb, char title[VERB_TITLE_SIZE]);
uint64_t verb_options(const struct verb *verb); /* with those of every verb */

void verb_help(const struct verb *verb, FILE *out);
/* All of them, or those of one group (NULL: all). */
void verb_list(const char *group, FILE *out);
bool verb_is_group(const char *word);

MUST_USE enum err_code verb_migrate_up(struct session *session, struct err *err);
MUST_USE enum err_code verb_migrate_status(struct session *session, struct err *err);
MUST_USE enum err_code verb_job_inject(struct session *session, struct err *err);
MUST_USE enum err_code verb_job_get(struct session *session, struct err *err);
/* Prints this job's ancestors and all their follow-ups as a tree.  E_NOT_FOUND. */
MUST_USE enum err_code show_graph(struct session *session, struct db *db, const char *id, struct err *err);
MUST_USE enum err_code verb_job_ls(struct session *session, struct err *err);
MUST_USE enum err_code verb_job_cancel(struct session *session, struct err *err);
MUST_USE enum err_code verb_job_wait(struct session *session, struct err *err);
MUST_USE enum err_code verb_dlq_ls(struct session *session, struct err *err);
MUST_USE enum err_code verb_dlq_show(struct session *session, struct err *err);
MUST_USE enum err_code verb_dlq_replay(struct session *session, struct err *err);
MUST_USE enum err_code verb_dlq_purge(struct session *session, struct err *err);
MUST_USE enum err_code verb_schedule_put(struct session *session, struct err *err);
MUST_USE enum err_code verb_schedule_ls(struct session *session, struct err *err);
MUST_USE enum err_code verb_schedule_rm(struct session *session, struct err *err);
MUST_USE enum err_code verb_limit_set(struct session *session, struct err *err);
MUST_USE enum err_code verb_limit_ls(struct session *session, struct err *err);
MUST_USE enum err_code verb_limit_rm(struct session *session, struct err *err);
MUST_USE enum err_code verb_user_create(struct session *session, struct err *err);
MUST_USE enum err_code verb_user_role(struct session *session, struct err *err);
MUST_USE enum err_code verb_audit_verify(struct session *session, struct err *err);
MUST_USE enum err_code verb_trace(struct session *session, struct err *err);
MUST_USE enum err_code verb_doctor(struct session *session, struct err *err);
MUST_USE enum err_code verb_healthcheck(struct session *session, struct err *err);

/* E_INVALID: not a role that a person can have. */
MUST_USE enum err_code user_role_check(const char *role, struct err *err);
/* Commits what was done to an account, told as JSON, together with its audit entry. */
MUST_USE enum err_code user_commit(struct session *session, struct db *db, const char *action,
                                   const char *json, struct err *err);

#endif
