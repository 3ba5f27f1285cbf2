/* SPDX-License-Identifier: Apache-2.0 */
/* doctor: the programs and their work, as the database sees them. */
#include "cli/doctor.h"
#include "common/store/checkup.h"

#include <string.h>

enum
{
    SILENT_MS = 5000 /* a program gives a sign of life each second */
};

static const char *const expected[] = {"sokoul-api", "sokoul-scout", "sokoul-hunter"};

/* A frozen program keeps the jobs that it has claimed until their lease is over. */
static void check_frozen(struct doctor *doctor, const struct checkup *checkup)
{
    for (size_t i = 0; i < checkup->programs_count; i++)
    {
        const struct checkup_program *program = &checkup->programs[i];
        if (program->silent_ms >= SILENT_MS)
            doctor_add(doctor, FINDING_BAD, "programs", "continue it (kill -CONT), or restart it",
                       "%.60s has given no sign of life for %lld s: it is stopped or hangs", program->service,
                       (long long)(program->silent_ms / 1000));
    }
}

static void check_there(struct doctor *doctor, const struct checkup *checkup, const char *service)
{
    size_t alive = 0;
    bool any = false;
    for (size_t i = 0; i < checkup->programs_count; i++)
    {
        if (strcmp(checkup->programs[i].service, service) != 0)
            continue;
        any = true;
        alive += checkup->programs[i].silent_ms < SILENT_MS;
    }
    if (alive > 0)
        doctor_add(doctor, FINDING_OK, "programs", "", "%s runs, processes: %zu", service, alive);
    else if (!any) /* there are no jobs and no people: this installation is being set up */
        doctor_add(doctor, checkup->in_use || checkup->programs_count > 0 ? FINDING_BAD : FINDING_NOTE,
                   "programs", "start it; its log says why if it ends", "%s does not run on this database",
                   service);
}

static void check_jobs(struct doctor *doctor, const struct checkup *checkup)
{
    for (size_t i = 0; i < checkup->paused_count; i++)
        doctor_add(doctor, FINDING_BAD, "jobs", "let them run with sokoulctl limit rm KIND or limit set",
                   "kind %.32s is paused by a limit of 0 and %lld of its jobs wait", checkup->paused[i].what,
                   (long long)checkup->paused[i].count);
    for (size_t i = 0; i < checkup->overdue_count; i++)
        doctor_add(doctor, FINDING_NOTE, "jobs", "see that such a worker runs, or start more of them",
                   "%lld jobs for %.32s have waited for more than a minute",
                   (long long)checkup->overdue[i].count, checkup->overdue[i].what);
    if (checkup->dead_letters > 0)
        doctor_add(doctor, FINDING_BAD, "jobs", "look with sokoulctl dlq ls, then dlq replay or dlq purge",
                   "dead letters that are open: %lld", (long long)checkup->dead_letters);
    if (checkup->wake_ups > 0)
        doctor_add(doctor, FINDING_BAD, "jobs",
                   "look at what this says of nats, and at the log of sokoul-api",
                   "wake-ups have waited for NATS for more than 10 s: %lld", (long long)checkup->wake_ups);
}

void doctor_work(struct doctor *doctor)
{
    struct checkup checkup;
    struct err err = ERR_INIT;
    struct db *db = NULL;
    if (!doctor->schema_fits || session_db(doctor->session, &db, &err) != E_OK)
        return; /* the findings about the database tell why */
    if (checkup_get(db, doctor->session->arena, &checkup, &err) != E_OK)
    {
        doctor_fail(doctor, "jobs", "look in pg_stat_activity who holds a lock, and at the log of PostgreSQL",
                    &err);
        return;
    }
    check_frozen(doctor, &checkup);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        check_there(doctor, &checkup, expected[i]);
    check_jobs(doctor, &checkup);
}
