/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor.h -- the findings of `doctor` and who makes them.
 *
 * A check adds one or more findings: what was checked, its state, and what to do about it, in
 * plain words.  Each check ends within about 5 s, whatever hangs.  One thread.
 */
#ifndef SOKOUL_CLI_DOCTOR_H
#define SOKOUL_CLI_DOCTOR_H

#include "cli/session.h"

enum finding_state
{
    FINDING_OK,
    FINDING_NOTE, /* worth knowing, nothing is broken */
    FINDING_BAD
};

struct finding
{
    enum finding_state state;
    const char *name; /* "database" */
    char detail[400];
    char advice[200]; /* "" when there is nothing to do */
};

enum
{
    DOCTOR_MAX_FINDINGS = 64
};

struct doctor
{
    struct session *session;
    const struct conf *conf; /* NULL: the settings do not even load */
    bool schema_fits;        /* the database was reached, and its schema is not behind */
    struct finding findings[DOCTOR_MAX_FINDINGS];
    size_t count;
};

void doctor_add(struct doctor *doctor, enum finding_state state, const char *name, const char *advice,
                const char *fmt, ...) PRINTF_LIKE(5, 6);

/* A failed call: the part of its text behind a colon is the advice; without one, `advice` is. */
void doctor_fail(struct doctor *doctor, const char *name, const char *advice, const struct err *err);

/* doctor_version.c: the version, and the libraries on this machine */
void doctor_version(struct doctor *doctor);
void doctor_programs(struct doctor *doctor);
/* doctor_here.c: checks that need no server */
void doctor_settings(struct doctor *doctor); /* sets doctor->conf */
void doctor_env_file(struct doctor *doctor);
void doctor_folders(struct doctor *doctor);
/* doctor_servers.c */
void doctor_database(struct doctor *doctor); /* sets doctor->schema_fits */
void doctor_nats(struct doctor *doctor);
void doctor_redis(struct doctor *doctor);
void doctor_providers(struct doctor *doctor);
/* doctor_work.c */
void doctor_work(struct doctor *doctor);

#endif
